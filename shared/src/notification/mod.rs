//! Notifications: our record of one text or call to one person about one event. What they are called ([`NotificationId`]),
//! what is known of them ([`Fact`]) and what that adds up to ([`Standing`]). Writes nothing.

mod fact;
mod id;
mod state;
mod story;

pub use fact::{
    Attempt, AttemptOutcome, Closed, ClosedReason, Created, Detail, Disowned, Fact, Look, Outcome, Release, Report,
    Revealed, Suppressed,
};
pub use id::{EmployeeKey, NotAnId, NotificationId};
pub use state::{Standing, State};
pub use story::{Story, Tried};
