//! Metrics in CloudWatch's embedded metric format: a JSON line on stdout that CloudWatch turns into numbers. Only counts,
//! durations, tenants and reasons; never a person.

use crate::clock::Clock;
use crate::tenant::TenantId;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The namespace of all our metrics.
pub const NAMESPACE: &str = "PeopleSoftTwilio";

/// Where metrics go. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    clock: Clock,
    write: Arc<dyn Fn(String) + Send + Sync>,
}

impl Metrics {
    /// One line each on stdout, where Lambda picks them up.
    pub fn to_stdout(clock: Clock) -> Self {
        Self::to(clock, |line| println!("{line}"))
    }

    /// Nowhere.
    pub fn off(clock: Clock) -> Self {
        Self::to(clock, |_| ())
    }

    /// To whatever takes a line.
    pub fn to(clock: Clock, write: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self { clock, write: Arc::new(write) }
    }

    /// `count` more of something that happened to a tenant, perhaps for a reason.
    pub fn count(&self, tenant: &TenantId, name: &'static str, count: u64, reason: Option<&str>) {
        if count > 0 {
            self.emit(tenant, name, "Count", count, reason);
        }
    }

    /// How long something took for a tenant.
    #[allow(clippy::cast_possible_truncation)] // a duration beyond 2^64 ms is no latency
    pub fn latency(&self, tenant: &TenantId, name: &'static str, took: Duration) {
        self.emit(tenant, name, "Milliseconds", took.as_millis() as u64, None);
    }

    fn emit(&self, tenant: &TenantId, name: &str, unit: &str, value: u64, reason: Option<&str>) {
        // Every metric by tenant; one with a reason also by reason, so that an alarm can ask for either.
        let (by_reason, reason) = match reason {
            Some(reason) => (r#",["tenant","reason"]"#, format!(r#","reason":{}"#, Value::from(reason))),
            None => ("", String::new()),
        };
        // Written out, since there are two for every text; only a reason may hold what JSON has to escape.
        (self.write)(format!(
            r#"{{"tenant":"{tenant}","{name}":{value}{reason},"_aws":{{"Timestamp":{},"CloudWatchMetrics":[{{"Namespace":"{NAMESPACE}","Dimensions":[["tenant"]{by_reason}],"Metrics":[{{"Name":"{name}","Unit":"{unit}"}}]}}]}}}}"#,
            self.clock.now().as_millisecond()
        ));
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
