//! Least privilege: what each function's role may do is evaluated, action by action, as IAM would.

use super::FUNCTIONS;
use super::yaml::Template;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Statements whose resource is "*" because their actions know no narrower one; each says so in a comment.
const WITHOUT_RESOURCE: [&str; 4] = ["ListTenants", "AttachToVpc", "CodeTouchesNoNetwork", "Trace"];

/// What somebody wants to do.
struct Request<'a> {
    action: &'a str,
    /// As the template writes it.
    resource: Value,
    /// `dynamodb:LeadingKeys`
    leading_key: Option<&'a str>,
    /// `kms:ViaService`
    via: Option<&'a str>,
}

/// To do something with an item of the ledger.
fn ledger<'a>(action: &'a str, key: &'a str) -> Request<'a> {
    Request { action, resource: json!({"!GetAtt": "Ledger.Arn"}), leading_key: Some(key), via: None }
}

#[test]
fn each_function_may_do_what_it_must_and_no_more() {
    let template = Template::read();
    let check = |request: &Request, who: &[&str]| {
        let found: Vec<&str> =
            FUNCTIONS.iter().map(|(id, _)| *id).filter(|id| may(&template, &format!("{id}Role"), request)).collect();
        assert_eq!(found, who, "{} on {} with key {:?}", request.action, request.resource, request.leading_key);
    };
    let all = ["Poll", "Send", "Callback", "Verify"];
    let index = json!({"!Sub": "${Ledger.Arn}/index/due"});
    let (fact, cursor) = ("st-lukes#74efmocyyirrc", "st-lukes#cursor");
    check(&ledger("dynamodb:PutItem", fact), &all);
    check(&ledger("dynamodb:Query", fact), &["Poll", "Send", "Verify"]);
    check(&ledger("dynamodb:GetItem", fact), &["Poll"]);
    for never in ["UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLUpdate", "PartiQLDelete", "DeleteTable", "Scan"]
    {
        let action = format!("dynamodb:{never}");
        check(&ledger(&action, fact), &[]);
        check(&ledger(&action, cursor), if never == "UpdateItem" { &["Poll"] } else { &[] });
    }
    check(&ledger("dynamodb:UpdateItem", "st-lukes#phone#+13125550100"), &[]);
    let due = Request { action: "dynamodb:Query", resource: index, leading_key: Some("st-lukes#3"), via: None };
    check(&due, &["Poll"]);

    let key = |action, via| Request { action, resource: json!({"!GetAtt": "LedgerKey.Arn"}), leading_key: None, via };
    let dynamodb = Some("dynamodb.${AWS::Region}.amazonaws.com");
    for action in ["kms:Decrypt", "kms:Encrypt"] {
        check(&key(action, dynamodb), &all);
        check(&key(action, Some("secretsmanager.${AWS::Region}.amazonaws.com")), &[]);
        check(&key(action, None), &[]);
    }
    for never in ["kms:CreateGrant", "kms:ScheduleKeyDeletion", "kms:PutKeyPolicy"] {
        check(&key(never, dynamodb), &[]);
    }

    let plain = |action, resource: Value| Request { action, resource, leading_key: None, via: None };
    let secret = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:";
    let tenants = json!({"!Sub": format!("{secret}${{TenantSecretPrefix}}*")});
    check(&plain("secretsmanager:GetSecretValue", tenants.clone()), &all);
    check(&plain("secretsmanager:GetSecretValue", json!({"!Sub": format!("{secret}another")})), &[]);
    check(&plain("secretsmanager:PutSecretValue", tenants), &[]);
    check(&plain("secretsmanager:ListSecrets", json!("*")), &["Poll"]);
    check(&plain("sqs:SendMessage", json!({"!GetAtt": "SendFailures.Arn"})), &["Send"]);
    check(&plain("sqs:SendMessage", json!({"!GetAtt": "PollDeadLetters.Arn"})), &[]);
    for (logs, who) in
        [("PollLogs", "Poll"), ("SendLogs", "Send"), ("CallbackLogs", "Callback"), ("VerifyLogs", "Verify")]
    {
        check(&plain("logs:PutLogEvents", json!({"!GetAtt": format!("{logs}.Arn")})), &[who]);
    }
}

#[test]
fn no_wildcard_is_without_its_reason() {
    let template = Template::read();
    let roles = template.of_type("AWS::IAM::Role");
    let mut seen = 0;
    for role in &roles {
        for statement in statements(&template, role) {
            let sid = statement["Sid"].as_str().expect("every statement has a Sid");
            for action in list(&statement["Action"]) {
                assert!(!action.as_str().unwrap().contains('*'), "{role}, {sid} allows {action}");
            }
            if list(&statement["Resource"]).contains(&json!("*")) {
                assert!(WITHOUT_RESOURCE.contains(&sid), "{role}, {sid} is about every resource");
            }
            seen += 1;
        }
    }
    assert!(seen > 20);
    // A comment stands before each such statement, or in it.
    let lines: Vec<&str> = template.text.lines().map(str::trim).collect();
    for (end, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("Resource: \"*\"")) {
        let sid = (0..end).rev().find(|number| lines[*number].starts_with("- Sid:")).unwrap();
        let before = lines[..sid].iter().rev().take_while(|line| line.starts_with('#'));
        let reasons = lines[sid..=end].iter().chain(before).filter(|line| line.contains("# ")).count();
        assert!(reasons > 0, "line {} says not why: {line}", end + 1);
    }
    assert!(!template.text.contains("AdministratorAccess") && !template.text.contains("FullAccess"));
}

/// Every role's statements: its own, and those of the policies it shares.
fn statements(template: &Template, role: &str) -> Vec<Value> {
    let properties = template.properties(role);
    let mut found = Vec::new();
    for policy in list(&properties["Policies"]) {
        found.extend(list(&policy["PolicyDocument"]["Statement"]));
    }
    for policy in list(&properties["ManagedPolicyArns"]) {
        let name = policy["!Ref"].as_str().expect("only policies of this template").to_owned();
        found.extend(list(&template.properties(&name)["PolicyDocument"]["Statement"]));
    }
    // A statement that depends on a parameter is taken as if it were there.
    let unconditional =
        |statement: Value| statement.get("!If").map_or(statement.clone(), |branches| branches[1].clone());
    found.into_iter().map(unconditional).collect()
}

/// Allowed by one statement, denied by none.
fn may(template: &Template, role: &str, request: &Request) -> bool {
    let applies = |statement: &Value| {
        list(&statement["Action"]).contains(&json!(request.action))
            && list(&statement["Resource"])
                .iter()
                .any(|resource| *resource == request.resource || *resource == json!("*"))
            && holds(&statement["Condition"], request)
    };
    let effects: BTreeSet<String> = statements(template, role)
        .iter()
        .filter(|statement| applies(statement))
        .map(|statement| statement["Effect"].as_str().unwrap().to_owned())
        .collect();
    effects == BTreeSet::from(["Allow".to_owned()])
}

/// Whether a condition holds. `ForAllValues` holds without a value, as with IAM; DynamoDB always gives one for an item.
fn holds(condition: &Value, request: &Request) -> bool {
    let Some(operators) = condition.as_object() else { return true };
    operators.iter().all(|(operator, keys)| {
        keys.as_object().unwrap().iter().all(|(key, wanted)| match (operator.as_str(), key.as_str()) {
            ("ForAllValues:StringLike", "dynamodb:LeadingKeys") => request
                .leading_key
                .is_none_or(|key| list(wanted).iter().any(|pattern| like(pattern.as_str().unwrap(), key))),
            ("StringEquals", "kms:ViaService") => request.via.is_some_and(|via| wanted["!Sub"] == via),
            ("ArnLike", "lambda:SourceFunctionArn") => true,
            other => panic!("a condition that this test can't judge: {other:?}"),
        })
    })
}

/// `*` is anything; patterns here have it at their beginning only.
fn like(pattern: &str, text: &str) -> bool {
    text.ends_with(pattern.strip_prefix('*').expect("a pattern begins with *"))
}

/// One or many, as IAM lets both be written.
fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}
