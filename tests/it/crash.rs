//! A crash at every step: the world is stopped before each request that send, callback and the sweep make, to the table or to
//! Twilio, and after each that changes something; the function dies there, and the system recovers by itself. In the end
//! everybody has got exactly one message or call, or the ledger says why not, and nothing that was once on the ledger is gone.
//!
//! Nothing is sampled: each scenario is played once without a stop, and then with the stop at each request of that play. Only
//! between two readings of the same function, of which the second finds the world that the first found, it doesn't die twice.

use crate::stage::wire::{Side, Wire};
use crate::stage::{Detour, MORNING, Stage, Time, phone};
use jiff::{SignedDuration, Timestamp};
use local::proof;
use local::twilio::{Fault, Operation, Rule, Settings, Trouble, When};
use serde_json::{Value, json};
use shared::ledger::scan::{self, Scanned};
use shared::notification::{Created, NotificationId, State, Story};
use shared::phone::{Channel, PhoneNumber};
use shared::tenant::TenantId;
use std::collections::HashSet;
use std::time::Duration;

/// What happens to a notification, crashes aside.
struct Scenario {
    document: fn(&mut Value),
    /// What is wrong at Twilio, for this number.
    twilio: fn(&mut Settings, &PhoneNumber),
    created: fn(&mut Created, Timestamp),
    /// Whether its person has texted STOP before.
    stopped: bool,
    /// Minutes before each sweep, if everything goes well. More follow if it takes longer.
    rounds: &'static [u64],
    /// How it ends, by channel: the state, and how often Twilio has accepted it.
    ends: &'static [&'static [(Channel, State, usize)]],
    /// Fewer requests than this would mean that something was not played.
    least: usize,
}

const PLAIN: Scenario = Scenario {
    document: |_| (),
    twilio: |_, _| (),
    created: |_, _| (),
    stopped: false,
    rounds: &[11],
    ends: &[&[(Channel::Sms, State::Delivered, 1)]],
    least: 20,
};

/// Which function died, and what its caller does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Died {
    Send,
    Callback,
    Sweep,
}

/// One way to die: where, and whether whoever called tries again. If not, the stream has given the batch up, or Twilio the
/// callback.
#[derive(Debug, Clone, Copy)]
struct Death {
    stop: (usize, Side),
    again: bool,
}

/// One performance of a scenario.
struct Play<'a> {
    stage: &'a mut Stage,
    wire: &'a Wire,
    tenant: TenantId,
    id: NotificationId,
    again: bool,
    died: Option<(Died, bool)>,
    /// What the ledger knew when it happened.
    known: Vec<Story>,
}

impl Play<'_> {
    /// Everything that happens in a minute, one thing after the other, so that a step has the same number each time.
    async fn round(&mut self) {
        self.sweep().await;
        self.send().await;
    }

    /// The stream, and then Twilio, until nothing is new.
    async fn send(&mut self) {
        self.deliver().await;
        self.live().await;
    }

    /// The stream hands over what is new.
    async fn deliver(&mut self) {
        loop {
            let records = self.stage.new_records();
            if records["Records"].as_array().unwrap().is_empty() {
                return;
            }
            self.wire.begin();
            let returned = tokio::select! {
                returned = self.stage.hand_over(&self.stage.send, &records) => Some(returned),
                () = self.wire.stopped() => None,
            };
            if returned.is_none() {
                self.die(Died::Send).await;
                if self.again {
                    assert_eq!(self.stage.hand_over(&self.stage.send, &records).await, 0);
                }
            } else {
                assert_eq!(returned, Some(0));
            }
        }
    }

    /// What Twilio has moves on and is reported.
    async fn live(&mut self) {
        self.wire.begin();
        self.stage.twilio.change(|settings| settings.steps = Duration::ZERO..=Duration::ZERO);
        let died = tokio::select! {
            () = self.stage.twilio.idle() => false,
            () = self.wire.stopped() => true,
        };
        if died {
            self.stage.callbacks.switch(self.again);
            self.die(Died::Callback).await;
            self.stage.callbacks.die();
            self.stage.twilio.idle().await;
            self.stage.callbacks.switch(true);
        }
        self.stage.twilio.change(still);
    }

    async fn sweep(&mut self) {
        self.wire.begin();
        let swept = tokio::select! {
            swept = self.stage.sweep(&self.tenant) => Some(swept),
            () = self.wire.stopped() => None,
        };
        match swept {
            Some(swept) => assert_eq!(swept.failed, 0),
            None => self.die(Died::Sweep).await,
        }
    }

    /// The function's future is gone by now: new processes take over, which remember nothing.
    async fn die(&mut self, died: Died) {
        self.died = Some((died, self.wire.go_on().await));
        self.known = self.stories().await;
        if died != Died::Callback {
            self.stage.restart();
        }
    }

    /// The notification's story, and that of the call that follows it, if one does.
    async fn stories(&self) -> Vec<Story> {
        let now = self.stage.time.now();
        let read = scan::employee(&self.stage.ledger, &self.tenant, self.id.employee(), now).await;
        let Scanned { mut stories, odd } = read.unwrap();
        assert!(odd.is_empty(), "{odd:?}");
        stories.sort_by_key(|story| story.created().map(|created| created.channel.as_str()));
        stories
    }

    async fn ends(&self) -> Vec<(Channel, State, usize)> {
        let now = self.stage.time.now();
        let end = |story: &Story| {
            (story.created().unwrap().channel, story.standing(now).state, self.stage.accepted(&story.id))
        };
        self.stories().await.iter().map(end).collect()
    }

    /// Nothing that was known is gone, what Twilio was told to be taken is there, and every message has its attempt.
    async fn check(&self, about: &str) {
        let stories = self.stories().await;
        for before in &self.known {
            let after = stories.iter().find(|story| story.id == before.id).unwrap();
            assert!(
                before.facts.iter().all(|fact| after.facts.contains(fact)),
                "{about}: {before:#?}, then {after:#?}"
            );
        }
        let ids: HashSet<String> = stories.iter().map(|story| story.id.to_string()).collect();
        let mut accepted = self.stage.twilio.accepted();
        accepted.retain(|message| message.notification.as_ref().is_some_and(|id| ids.contains(id)));
        let proof = proof::prove(&stories, self.stage.time.now(), &accepted);
        assert!(proof.holds(), "{about}: {proof:?}, {stories:#?}");
        let sids: HashSet<&str> = accepted.iter().map(|message| message.sid.as_str()).collect();
        let keys: HashSet<String> =
            stories.iter().flat_map(|story| story.facts.iter().map(shared::notification::Fact::key)).collect();
        for sent in self.stage.twilio.callbacks().iter().filter(|sent| sids.contains(sent.sid.as_str())) {
            let taken = sent.answers.contains(&Some(204));
            assert!(!taken || keys.contains(&format!("callback#{}#{}", sent.sid, sent.status)), "{about}: {sent:?}");
        }
        for message in &accepted {
            let (id, attempt) = (message.notification.as_ref().unwrap(), message.attempt.as_ref().unwrap());
            let story = stories.iter().find(|story| story.id.to_string() == *id).unwrap();
            let claim = story.tried()[&attempt.parse().unwrap()].claim.cloned();
            assert!(claim.is_some_and(|claim| !claim.asks_nothing()), "{about}: {story:#?}");
        }
    }
}

/// Messages and calls stay where they are until they may live.
fn still(settings: &mut Settings) {
    settings.steps = Duration::from_hours(99)..=Duration::from_hours(99);
}

/// Plays a scenario once, with one death or none. Answers who died, and whether the request would change anything.
async fn play(
    scenario: &Scenario,
    stage: &mut Stage,
    wire: &Wire,
    number: usize,
    death: Option<Death>,
) -> Option<(Died, bool)> {
    let about = format!("{death:?}");
    let tenant = stage.tenant(&format!("t{number}"), scenario.document);
    let to = phone(number);
    stage.twilio.change(|settings| {
        settings.faults.rules.clear();
        settings.undeliverable.clear();
        settings.callbacks.retry_pause = Duration::from_millis(1);
        still(settings);
        (scenario.twilio)(settings, &to);
    });
    if scenario.stopped {
        stage.texts(&tenant, &to, "STOP").await;
    }
    let now = stage.time.now();
    let created = |created: &mut Created| {
        created.to = Some(to.clone());
        (scenario.created)(created, now);
    };
    let id = stage.create(&tenant, created).await;
    wire.calm().await;
    wire.count(death.map(|death| death.stop));
    let again = death.is_none_or(|death| death.again);
    let mut play = Play { stage, wire, tenant, id, again, died: None, known: Vec::new() };
    play.send().await;
    for minutes in scenario.rounds {
        play.stage.time.pass(Duration::from_mins(*minutes));
        play.round().await;
    }
    let mut ends = play.ends().await;
    for _ in 0..16 {
        if scenario.ends.contains(&ends.as_slice()) {
            break;
        }
        play.stage.time.pass(Duration::from_mins(11));
        play.round().await;
        ends = play.ends().await;
    }
    // Whatever may still come of it comes within the hour.
    play.stage.time.pass(Duration::from_mins(70));
    play.round().await;
    let ends = play.ends().await;
    assert!(scenario.ends.contains(&ends.as_slice()), "{about}: {ends:?}, {:#?}", play.stories().await);
    play.check(&about).await;
    play.died
}

/// Plays a scenario with every death there is.
async fn every_step(scenario: &Scenario) {
    let wire = Wire::new();
    let in_front = |direct: Detour| Detour {
        dynamodb: direct.dynamodb.map(|url| wire.in_front_of(url)),
        twilio: direct.twilio.map(|url| wire.in_front_of(url)),
    };
    let mut stage = Stage::with(Time::at(MORNING), in_front).await;
    let mut number = 0;
    let mut perform = async |death| {
        number += 1;
        (play(scenario, &mut stage, &wire, number, death).await, wire.passed())
    };
    let (_, steps) = perform(None).await;
    assert!(steps.len() >= scenario.least, "only {} steps", steps.len());
    let (mut plays, mut died_in) = (0, Vec::new());
    for step in (1..=steps.len()).filter(|step| !steps[step - 1]) {
        let mut die = async |side, again| {
            plays += 1;
            let (died, _) = perform(Some(Death { stop: (step, side), again })).await;
            died.unwrap_or_else(|| panic!("step {step} was not reached"))
        };
        let (died, changes) = die(Side::Before, true).await;
        died_in.push(died);
        // A sweep comes again by itself, and what only reads leaves the world as it was.
        for (side, again) in [(Side::After, true), (Side::Before, false), (Side::After, false)] {
            if (side == Side::Before || changes) && (again || died != Died::Sweep) {
                die(side, again).await;
            }
        }
    }
    let count = |who| died_in.iter().filter(|died| **died == who).count();
    let counts = [Died::Send, Died::Callback, Died::Sweep].map(count);
    println!("{} steps, {plays} deaths before or after {counts:?} of them in send, callback and sweep", steps.len());
    assert!(counts[0] > 0 && counts[2] > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_text_that_goes_well() {
    every_step(&PLAIN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_text_whose_answer_is_lost_and_that_the_sweep_finds_at_twilio() {
    every_step(&Scenario {
        twilio: |settings, to| {
            settings.callbacks.dropped = 1.0;
            let lost = Rule::on_create(When::Next(1), Fault::after_accepting(Trouble::Reset));
            settings.faults.rules = vec![lost.only_to(to.e164())];
        },
        rounds: &[11],
        ..PLAIN
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_text_that_never_reaches_twilio_and_is_sent_again() {
    every_step(&Scenario {
        twilio: |settings, to| {
            let lost = Rule::on_create(When::Next(1), Fault::before(Trouble::Reset));
            settings.faults.rules = vec![lost.only_to(to.e164())];
        },
        rounds: &[11, 25],
        ..PLAIN
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_text_that_twilio_is_too_busy_for_at_first() {
    every_step(&Scenario {
        twilio: |settings, to| {
            let busy = Rule::on_create(When::Next(1), Fault::before(Trouble::TooManyRequests(Some(120))));
            settings.faults.rules = vec![busy.only_to(to.e164())];
        },
        rounds: &[3, 11],
        ..PLAIN
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_text_that_is_asked_for_twice_in_one_invocation() {
    every_step(&Scenario {
        twilio: |settings, to| {
            let busy = Rule::on_create(When::Next(1), Fault::before(Trouble::TooManyRequests(None)));
            settings.faults.rules = vec![busy.only_to(to.e164())];
        },
        ..PLAIN
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_text_that_waits_for_its_time() {
    every_step(&Scenario {
        created: |created, now| created.not_before = Some(now + SignedDuration::from_mins(5)),
        rounds: &[6, 11],
        ..PLAIN
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_text_that_reaches_nobody_and_the_call_that_follows() {
    every_step(&Scenario {
        twilio: |settings, to| {
            settings.undeliverable.insert(to.e164().to_owned(), 30003);
        },
        created: |created, _| created.escalate_after_minutes = Some(15),
        rounds: &[11],
        ends: &[
            &[(Channel::Sms, State::Undelivered, 1), (Channel::Voice, State::Undelivered, 1)],
            // Where send died before it asked for the call, nobody asks again: `hold` is what tenants have for calls.
            &[(Channel::Sms, State::Undelivered, 1), (Channel::Voice, State::Unconfirmed, 0)],
        ],
        ..PLAIN
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_text_to_somebody_who_has_opted_out() {
    every_step(&Scenario { stopped: true, ends: &[&[(Channel::Sms, State::Suppressed, 0)]], least: 10, ..PLAIN }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_text_that_twilio_refuses_because_somebody_has_opted_out() {
    every_step(&Scenario {
        twilio: |settings, to| {
            let refused = Rule::on_create(When::Always, Fault::before(Trouble::Code(21610)));
            settings.faults.rules = vec![refused.only_to(to.e164())];
        },
        ends: &[&[(Channel::Sms, State::Failed, 0)], &[(Channel::Sms, State::Suppressed, 0)]],
        least: 10,
        ..PLAIN
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_call_that_is_never_made_twice() {
    every_step(&Scenario {
        twilio: |settings, to| {
            let lost = Rule::on(Operation::CallCreate, When::Next(1), Fault::before(Trouble::Reset));
            settings.faults.rules = vec![lost.only_to(to.e164())];
        },
        created: |created, _| created.channel = Channel::Voice,
        rounds: &[11, 25],
        ends: &[&[(Channel::Voice, State::Unconfirmed, 0)]],
        ..PLAIN
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_call_whose_answer_is_lost() {
    every_step(&Scenario {
        document: |document| document["on_doubt"] = json!({"voice": "hold"}),
        twilio: |settings, to| {
            let lost = Rule::on(Operation::CallCreate, When::Next(1), Fault::after_accepting(Trouble::Reset));
            settings.faults.rules = vec![lost.only_to(to.e164())];
        },
        created: |created, _| created.channel = Channel::Voice,
        // Where send died before it asked, nobody asks again.
        ends: &[&[(Channel::Voice, State::Delivered, 1)], &[(Channel::Voice, State::Unconfirmed, 0)]],
        ..PLAIN
    })
    .await;
}
