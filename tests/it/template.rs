//! `template.yaml` says what the code needs: the same table, the same variables, the same routes, no permission too many, and
//! no alarm over a metric that nobody counts.

mod policies;
mod yaml;

use crate::template::yaml::{Template, root};
use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_sdk_dynamodb::types::{BillingMode, ProjectionType, StreamViewType};
use serde_json::{Value, json};
use shared::gateway;
use shared::ledger::{read, table};
use shared::settings::{self, Settings};
use shared::timing::Timing;
use shared::twilio;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The functions, by their names in the template.
const FUNCTIONS: [(&str, &str); 4] =
    [("Poll", "poll"), ("Send", "send"), ("Callback", "callback"), ("Verify", "verify")];

#[test]
fn the_table_is_the_ledgers() {
    let template = Template::read();
    let deployed = template.properties("Ledger");
    let wanted = table::definition().unwrap();
    let keys = |keys: &[aws_sdk_dynamodb::types::KeySchemaElement]| {
        json!(
            keys.iter()
                .map(|key| json!({"AttributeName": key.attribute_name, "KeyType": key.key_type.as_str()}))
                .collect::<Vec<_>>()
        )
    };
    let attributes: Vec<Value> = wanted
        .attributes
        .iter()
        .map(|one| json!({"AttributeName": one.attribute_name, "AttributeType": one.attribute_type.as_str()}))
        .collect();
    assert_eq!(deployed["AttributeDefinitions"], json!(attributes));
    assert_eq!(deployed["KeySchema"], keys(&wanted.keys));
    assert_eq!(wanted.billing, BillingMode::PayPerRequest);
    assert_eq!(deployed["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(wanted.stream.stream_view_type, Some(StreamViewType::NewImage));
    assert_eq!(deployed["StreamSpecification"], json!({"StreamViewType": "NEW_IMAGE"}));
    assert_eq!(wanted.index.projection.unwrap().projection_type, Some(ProjectionType::KeysOnly));
    let index = json!([{
        "IndexName": wanted.index.index_name,
        "KeySchema": keys(&wanted.index.key_schema),
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }]);
    assert_eq!(deployed["GlobalSecondaryIndexes"], index);
    assert_eq!(deployed["TimeToLiveSpecification"], json!({"AttributeName": table::RETAIN_UNTIL, "Enabled": true}));
    assert_eq!(deployed["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(deployed["SSESpecification"]["KMSMasterKeyId"], json!({"!GetAtt": "LedgerKey.Arn"}));
    for kept in ["Ledger", "LedgerKey"] {
        let resource = template.resource(kept);
        assert_eq!(
            (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]),
            (&json!("Retain"), &json!("Retain")),
            "{kept}"
        );
    }
}

#[test]
fn the_stream_hands_over_what_may_start_and_nothing_else() {
    let template = Template::read();
    let mapping = template.properties("SendMapping");
    let filter = mapping["FilterCriteria"]["Filters"][0]["Pattern"].as_str().unwrap();
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(parsed(filter), parsed(table::STREAM_FILTER));
    assert_eq!(mapping["FilterCriteria"]["Filters"].as_array().unwrap().len(), 1);
    assert_eq!(mapping["EventSourceArn"], json!({"!GetAtt": "Ledger.StreamArn"}));
    assert_eq!(mapping["FunctionName"], json!({"!Ref": "Send"}));
    assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(mapping["BisectBatchOnFunctionError"], true);
    assert_eq!(mapping["StartingPosition"], "TRIM_HORIZON");
    assert_eq!(mapping["DestinationConfig"]["OnFailure"]["Destination"], json!({"!GetAtt": "SendFailures.Arn"}));
}

#[test]
fn what_is_given_up_is_kept_encrypted_and_rings() {
    let template = Template::read();
    let queues = template.of_type("AWS::SQS::Queue");
    let watched: BTreeSet<String> = template
        .of_type("AWS::CloudWatch::Alarm")
        .iter()
        .filter_map(|alarm| template.properties(alarm)["Dimensions"][0]["Value"]["!GetAtt"].as_str())
        .filter_map(|attribute| attribute.strip_suffix(".QueueName"))
        .map(str::to_owned)
        .collect();
    assert_eq!(watched, queues);
    for queue in &queues {
        let properties = template.properties(queue);
        assert_eq!(properties["SqsManagedSseEnabled"], true, "{queue}");
        let fourteen_days = 14 * 24 * 60 * 60;
        assert_eq!(properties["MessageRetentionPeriod"], fourteen_days, "{queue}: a long weekend must not lose it");
    }
    let target = &template.properties("PollSchedule")["Target"];
    assert_eq!(target["Arn"], json!({"!GetAtt": "Poll.Arn"}));
    assert_eq!(target["DeadLetterConfig"]["Arn"], json!({"!GetAtt": "PollDeadLetters.Arn"}));
    // A poll that comes late is worth nothing: the next one does its work.
    assert_eq!(target["RetryPolicy"]["MaximumEventAgeInSeconds"], 60);
    assert_eq!(template.properties("PollSchedule")["ScheduleExpression"], "rate(1 minute)");
    let oldest = template.properties("SendMapping")["MaximumRecordAgeInSeconds"].as_u64().unwrap();
    assert!(oldest > Timing::default().first_look.as_secs(), "the sweep takes over before the stream gives up");
}

#[test]
fn every_variable_that_is_read_is_set_and_every_one_set_is_read() {
    let template = Template::read();
    let everywhere = template.all["Globals"]["Function"]["Environment"]["Variables"].as_object().unwrap().clone();
    for (logical_id, name) in FUNCTIONS {
        let main = fs::read_to_string(root().join("functions").join(name).join("src/main.rs")).unwrap();
        let read = RefCell::new(BTreeSet::new());
        let settings = Settings::read(|variable| {
            read.borrow_mut().insert(variable.to_owned());
            Some("https://example.org".to_owned())
        });
        settings.unwrap();
        let mut read = read.into_inner();
        if !main.contains("require_callback_base_url") {
            read.remove("CALLBACK_BASE_URL");
        }
        if !main.contains("settings.twilio_url") {
            read.remove("TWILIO_URL");
        }
        if main.contains("settings::rust_log") {
            read.insert("RUST_LOG".to_owned());
        }
        let mut set = everywhere.clone();
        let own = &template.properties(logical_id)["Environment"]["Variables"];
        set.extend(own.as_object().cloned().unwrap_or_default());
        assert_eq!(set.keys().cloned().collect::<BTreeSet<_>>(), read, "{name}");
    }
    assert_eq!(everywhere["TABLE_NAME"], json!({"!Ref": "Ledger"}));
    let default = |parameter: &str| &template.all["Parameters"][parameter]["Default"];
    assert_eq!(default("TenantSecretPrefix"), settings::TENANT_SECRET_PREFIX);
    assert_eq!((default("TwilioApiUrl"), default("TwilioVerifyUrl")), (&json!(twilio::API), &json!(twilio::VERIFY)));
}

#[test]
fn every_function_is_deployed_with_its_role_its_logs_and_enough_time() {
    let template = Template::read();
    let on_disk: BTreeSet<String> = fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(on_disk, FUNCTIONS.iter().map(|(_, name)| (*name).to_owned()).collect());
    assert_eq!(
        template.of_type("AWS::Serverless::Function"),
        FUNCTIONS.iter().map(|(id, _)| (*id).to_owned()).collect()
    );
    for (logical_id, name) in FUNCTIONS {
        let (resource, function) = (template.resource(logical_id), template.properties(logical_id));
        assert_eq!(resource["Metadata"]["BuildMethod"], "rust-cargolambda");
        assert_eq!(resource["Metadata"]["BuildProperties"]["Binary"], name);
        assert_eq!(function["CodeUri"], format!("functions/{name}"));
        assert_eq!(function["Role"], json!({"!GetAtt": format!("{logical_id}Role.Arn")}));
        assert_eq!(function["LoggingConfig"]["LogGroup"], json!({"!Ref": format!("{logical_id}Logs")}));
    }
    let timeout = |id: &str| template.properties(id)["Timeout"].as_u64().unwrap();
    let timing = Timing::default();
    // An attempt may use its whole deadline inside one invocation.
    assert!(timeout("Send") >= timing.attempt_deadline.as_secs(), "send");
    assert!(timeout("Poll") > (timing.tenant_budget + settings::INVOCATION_MARGIN).as_secs(), "poll");
    assert_eq!(template.properties("Verify")["Timeout"], 29, "what the laptop gives it, too");
    // Twilio waits for 15 seconds in all, an HTTP API for 30.
    assert!(timeout("Callback") < 15 && timeout("Verify") < 30);
    for group in template.of_type("AWS::Logs::LogGroup") {
        assert_eq!(template.properties(&group)["RetentionInDays"], json!({"!Ref": "LogRetentionDays"}), "{group}");
    }
}

#[test]
fn the_api_has_the_routes_that_the_functions_serve() {
    let template = Template::read();
    let mut deployed = BTreeSet::new();
    for route in template.of_type("AWS::ApiGatewayV2::Route") {
        let properties = template.properties(&route);
        let key = properties["RouteKey"].as_str().unwrap().to_owned();
        let integration = if key.contains(" /twilio/") { "CallbackIntegration" } else { "VerifyIntegration" };
        assert_eq!(properties["Target"], json!({"!Sub": format!("integrations/${{{integration}}}")}), "{key}");
        deployed.insert(key);
    }
    let laptop = fs::read_to_string(root().join("infra/local/src/routes.rs")).unwrap();
    let served: BTreeSet<String> = laptop
        .split('"')
        .filter(|text| text.starts_with("/twilio/{tenant}/") || text.starts_with("/verify/{tenant}/"))
        .map(|path| format!("POST {path}"))
        .collect();
    assert_eq!(deployed, served);
    for limited in template.properties("ApiStage")["RouteSettings"].as_object().unwrap().keys() {
        assert!(deployed.contains(limited), "{limited} is throttled and no route");
    }
    assert!(!template.properties("ApiStage")["AccessLogSettings"].is_null());
    // A tenant's own limit is reached long before the one that all of them share with every stranger.
    for route in ["start", "check"] {
        let shared = &template.properties("ApiStage")["RouteSettings"][format!("POST /verify/{{tenant}}/{route}")];
        let a_minute = 60 * shared["ThrottlingRateLimit"].as_u64().unwrap();
        let of_one = verify::limits::STARTS_PER_TENANT_AND_MINUTE as u64;
        assert!(a_minute >= 40 * of_one && shared["ThrottlingBurstLimit"].as_u64().unwrap() >= of_one, "{route}");
    }
    // All that a tenant's portal may ask in vain doesn't ring; a stranger at the limit of one route does.
    let alarm = template.properties("Api4xxAlarm");
    let (period, threshold) = (alarm["Period"].as_u64().unwrap(), alarm["Threshold"].as_u64().unwrap());
    let of_one = verify::limits::STARTS_PER_TENANT_AND_MINUTE as u64 * period / 60;
    let rate = |route: &str| template.properties("ApiStage")["RouteSettings"][route]["ThrottlingRateLimit"].as_u64();
    assert!(threshold > 5 * of_one && threshold < period * rate("POST /verify/{tenant}/start").unwrap());
}

#[test]
fn every_metric_that_is_watched_is_counted_and_every_alarm_is_explained() {
    let template = Template::read();
    let code = yaml::sources(&["functions", "shared/src"]);
    let counted = |metric: &str| {
        let spaceless: String = code.split_whitespace().collect();
        [".count(", ".latency("].iter().any(|call| {
            spaceless.split(call).skip(1).any(|rest| rest.split(')').next().unwrap().contains(&format!("\"{metric}\"")))
        })
    };
    let mut watched = BTreeSet::new();
    let text = template.text.as_str();
    for query in text.split("SELECT ").skip(1) {
        let (metric, rest) = query.split_once('(').unwrap().1.split_once(')').unwrap();
        assert!(rest.starts_with(&format!(" FROM SCHEMA({}, tenant", shared::metrics::NAMESPACE)), "{rest}");
        watched.insert(metric);
    }
    assert!(watched.len() > 10);
    for metric in watched {
        assert!(counted(metric), "{metric} is watched, and nothing counts it");
    }
    // A source that fails all the time fails in each of the alarm's periods.
    let period = template.properties("PollFailingAlarm")["Metrics"][0]["Period"].as_u64().unwrap();
    assert!(period > Timing::default().source_retry_cap.as_secs());
    let runbook = fs::read_to_string(root().join("infra/README.md")).unwrap();
    for alarm in template.of_type("AWS::CloudWatch::Alarm") {
        let properties = template.properties(&alarm);
        let description = properties["AlarmDescription"].as_str().unwrap();
        let section = description.split('"').nth(1).unwrap();
        assert!(runbook.contains(&format!("### {section}\n")), "the runbook has no section {section:?} for {alarm}");
        assert!(!properties["AlarmActions"].is_null() && !properties["TreatMissingData"].is_null(), "{alarm}");
    }
}

#[test]
fn every_alarm_is_on_the_dashboard_and_lasts_as_long_as_its_trouble() {
    let template = Template::read();
    let dashboard = template.properties("Dashboard")["DashboardBody"].to_string();
    for alarm in template.of_type("AWS::CloudWatch::Alarm") {
        assert!(dashboard.contains(&format!("${{{alarm}.Arn}}")), "{alarm} is not among the dashboard's");
    }
    let timing = Timing::default();
    let seconds = |alarm: &str| {
        let properties = template.properties(alarm);
        let period = properties["Metrics"][0]["Period"].as_u64().unwrap();
        let [periods, needed] =
            ["EvaluationPeriods", "DatapointsToAlarm"].map(|name| properties[name].as_u64().unwrap());
        (period, periods, needed)
    };
    // Trouble with an account is counted once for each pause.
    let (period, periods, needed) = seconds("AccountTroubleAlarm");
    assert!(needed == 1 && period * periods > timing.account_cap.as_secs());
    // What is in doubt is counted at each look; one attempt that nothing comes of must not ring by itself.
    let (period, periods, needed) = seconds("InDoubtAlarm");
    // Windows slide: what lasts for n periods touches n + 1, and for part of another n + 2.
    assert!(period < timing.patience.as_secs() && timing.patience.as_secs() <= period * (needed - 2));
    assert!(period * periods >= timing.patience.as_secs() * needed);
    // A batch that runs into the function's time-out, again and again, leaves minutes without a word of it.
    for alarm in ["SendLateAlarm", "SendBrokenAlarm"] {
        let period = template.properties(alarm)["Period"].as_u64().unwrap();
        assert!(period >= 2 * template.properties("Send")["Timeout"].as_u64().unwrap(), "{alarm}");
    }
    // A source that is tried again every quarter of an hour fails in every period; one bad minute touches two.
    let (period, periods, needed) = seconds("PollFailingAlarm");
    assert!(period > timing.source_retry_cap.as_secs() && needed == periods && needed > 2);
}

#[test]
fn every_parameter_says_what_it_is_for_and_what_it_may_be() {
    let template = Template::read();
    for (name, parameter) in template.all["Parameters"].as_object().unwrap() {
        assert!(parameter["Description"].as_str().is_some_and(|text| text.len() > 30), "{name}");
        assert!(!parameter["AllowedValues"].is_null() || !parameter["AllowedPattern"].is_null(), "{name}");
        assert!(!parameter["Default"].is_null(), "{name}: a first deployment asks for nothing");
    }
}

/// Twilio's callbacks hold numbers, and a portal's requests its token.
#[test]
fn callbacks_come_encrypted_unless_they_never_leave_this_machine() {
    let template = Template::read();
    let pattern = template.all["Parameters"]["CallbackBaseUrl"]["AllowedPattern"].as_str().unwrap();
    let pattern = regex::Regex::new(pattern).unwrap();
    for (address, allowed) in [
        ("", true),
        ("https://notify.example.org", true),
        ("https://notify.example.org:8443/peoplesoft", true),
        ("http://127.0.0.1:4566/_aws/execute-api/a1b2/$default", true),
        ("http://notify.example.org", false),
        ("https://notify.example.org/", false),
        ("https://notify.example.org?stage=1", false),
        ("https://notify.example.org/it's", false), // it would end the quotes in the output Environment
    ] {
        assert_eq!(pattern.is_match(address), allowed, "{address}");
    }
}

/// The events for `cargo lambda invoke` are what the functions take.
#[test]
fn sample_events_are_understood() {
    let sample = |name: &str| fs::read_to_string(root().join("tests/fixtures/events").join(name)).unwrap();
    let stream: aws_lambda_events::event::dynamodb::Event = serde_json::from_str(&sample("send.json")).unwrap();
    for record in stream.records {
        let (tenant, _, fact) = read::fact(record.change.new_image.into()).unwrap();
        assert_eq!((tenant.as_str(), fact.start_attempt), (local::demo::TENANT, Some(1)));
    }
    let mut paths = BTreeMap::new();
    for name in ["callback-status.json", "callback-inbound.json", "verify-start.json", "verify-check.json"] {
        let event: ApiGatewayV2httpRequest = serde_json::from_str(&sample(name)).unwrap();
        paths.insert(name, gateway::Request::from(event).path);
    }
    assert_eq!(paths["callback-status.json"], "/twilio/st-lukes/status");
    assert_eq!(paths["verify-start.json"], "/verify/st-lukes/start");
    let _: Value = serde_json::from_str(&sample("poll.json")).unwrap();
}
