//! Which stream records reach a function: the patterns of a Lambda event source mapping's `FilterCriteria` (AWS,
//! "Control which events Lambda sends to your function"). It knows exact values, `exists` and `prefix`; a pattern that
//! says anything else is refused rather than half understood.

use serde_json::Value;

/// Patterns of which a record must fit one; without any, every record passes.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    patterns: Vec<Node>,
}

/// A pattern that can't be used as it is written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a filter pattern that the local stream understands, at {at:?}: {why}")]
pub struct BadPattern {
    /// The path to the trouble, fields joined by dots; empty for the pattern as a whole.
    pub at: String,
    /// What is wrong there.
    pub why: String,
}

#[derive(Clone, Debug)]
enum Node {
    /// All of these fields must fit.
    Fields(Vec<(String, Node)>),
    /// One of these must hold for the value.
    AnyOf(Vec<Condition>),
}

#[derive(Clone, Debug)]
enum Condition {
    Is(Value),
    Exists(bool),
    Prefix(String),
}

impl Filter {
    /// Reads patterns, each the text of a `Pattern` in a template: a JSON object.
    pub fn parse(patterns: &[&str]) -> Result<Self, BadPattern> {
        let mut read = Vec::new();
        for pattern in patterns {
            let pattern: Value = serde_json::from_str(pattern).map_err(|error| bad("", error.to_string()))?;
            if !pattern.is_object() {
                return Err(bad("", "a pattern is an object"));
            }
            read.push(node("", &pattern)?);
        }
        Ok(Self { patterns: read })
    }

    /// Whether a stream record, as JSON, passes.
    pub fn accepts(&self, record: &Value) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.fits(Some(record)))
    }
}

fn bad(at: &str, why: impl Into<String>) -> BadPattern {
    BadPattern { at: at.to_owned(), why: why.into() }
}

fn node(at: &str, pattern: &Value) -> Result<Node, BadPattern> {
    match pattern {
        Value::Object(fields) if fields.is_empty() => Err(bad(at, "an empty object matches nothing in particular")),
        Value::Object(fields) => {
            let read = fields.iter().map(|(name, pattern)| {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                if name.starts_with('$') {
                    return Err(bad(&at, "an operator between fields"));
                }
                Ok((name.clone(), node(&at, pattern)?))
            });
            Ok(Node::Fields(read.collect::<Result<_, _>>()?))
        }
        Value::Array(alternatives) if alternatives.is_empty() => Err(bad(at, "an empty list matches nothing")),
        Value::Array(alternatives) => {
            let read = alternatives.iter().map(|alternative| condition(at, alternative));
            Ok(Node::AnyOf(read.collect::<Result<_, _>>()?))
        }
        _ => Err(bad(at, "values stand in a list")),
    }
}

fn condition(at: &str, alternative: &Value) -> Result<Condition, BadPattern> {
    let Value::Object(operators) = alternative else {
        return match alternative {
            Value::Array(_) => Err(bad(at, "a list in a list")),
            value => Ok(Condition::Is(value.clone())),
        };
    };
    let mut operators = operators.iter();
    match (operators.next(), operators.next()) {
        (Some((name, Value::Bool(exists))), None) if name == "exists" => Ok(Condition::Exists(*exists)),
        (Some((name, Value::String(prefix))), None) if name == "prefix" => Ok(Condition::Prefix(prefix.clone())),
        _ => Err(bad(at, format!("unknown condition {alternative}"))),
    }
}

impl Node {
    fn fits(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Fields(_), Some(Value::Array(elements))) => elements.iter().any(|element| self.fits(Some(element))),
            (Self::Fields(fields), value) => {
                fields.iter().all(|(name, node)| node.fits(value.and_then(|value| value.get(name))))
            }
            (Self::AnyOf(conditions), value) => conditions.iter().any(|condition| condition.holds(value)),
        }
    }
}

impl Condition {
    fn holds(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            // Only a leaf exists, in Lambda's reading: an object in its place does not count.
            (Self::Exists(expected), value) => value.is_some_and(|value| !value.is_object()) == *expected,
            (_, None) => false,
            (_, Some(Value::Array(elements))) => elements.iter().any(|element| self.holds(Some(element))),
            (Self::Is(expected), Some(value)) => value == expected,
            (Self::Prefix(prefix), Some(value)) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_passes_when_it_fits_one_pattern() {
        let starts = r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"start_attempt":{"N":[{"exists":true}]}}}}"#;
        let insert = |image: Value| json!({"eventName": "INSERT", "dynamodb": {"NewImage": image}});
        let check = |patterns: &[&str], record: Value, expect: bool| {
            assert_eq!(Filter::parse(patterns).unwrap().accepts(&record), expect, "{patterns:?} on {record}");
        };
        check(&[], json!({"eventName": "REMOVE"}), true);
        check(&[starts], insert(json!({"start_attempt": {"N": "1"}})), true);
        check(&[starts], insert(json!({"start_attempt": {"S": "1"}})), false);
        check(&[starts], insert(json!({"start_attempt": {"N": {"deep": 1}}})), false);
        check(&[starts], insert(json!({"pk": {"S": "t#e"}})), false);
        check(&[starts], json!({"eventName": "INSERT"}), false);
        let modified = json!({"eventName": "MODIFY", "dynamodb": {"NewImage": {"start_attempt": {"N": "1"}}}});
        check(&[starts], modified.clone(), false);
        check(&[r#"{"eventName":["MODIFY"]}"#, starts], modified, true);
        check(&[r#"{"eventName":["INSERT","MODIFY"]}"#], json!({"eventName": "MODIFY"}), true);
        check(&[r#"{"eventName":[{"prefix":"RE"}]}"#], json!({"eventName": "REMOVE"}), true);
        check(&[r#"{"eventName":[{"prefix":"RE"}]}"#], json!({"eventName": 7}), false);
        check(&[r#"{"a":{"b":[{"exists":false}]}}"#], json!({}), true);
        check(&[r#"{"a":{"b":[{"exists":false}]}}"#], json!({"a": {"b": null}}), false);
        check(&[r#"{"a":[null,3]}"#], json!({"a": null}), true);
        check(&[r#"{"a":[null,3]}"#], json!({"a": 3}), true);
        check(&[r#"{"a":[null,3]}"#], json!({}), false);
        check(&[r#"{"a":{"SS":["x"]}}"#], json!({"a": {"SS": ["w", "x"]}}), true);
        check(&[r#"{"a":{"L":{"S":["x"]}}}"#], json!({"a": {"L": [{"S": "w"}, {"S": "x"}]}}), true);
    }

    #[test]
    fn what_it_does_not_understand_is_refused() {
        let check =
            |pattern: &str, expect: &str| assert_eq!(Filter::parse(&[pattern]).unwrap_err().at, expect, "{pattern}");
        check("nonsense", "");
        check("[]", "");
        check("{}", "");
        check(r#"{"a":"INSERT"}"#, "a");
        check(r#"{"a":{"b":[]}}"#, "a.b");
        check(r#"{"a":[["x"]]}"#, "a");
        check(r#"{"a":[{"suffix":"x"}]}"#, "a");
        check(r#"{"a":{"b":[{"numeric":["=",1]}]}}"#, "a.b");
        check(r#"{"a":[{"exists":"yes"}]}"#, "a");
        check(r#"{"a":[{"exists":true,"prefix":"x"}]}"#, "a");
        check(r#"{"$or":[{"a":["x"]}]}"#, "$or");
    }
}
