//! The document for portals, `functions/verify/openapi.json`, held against real answers: status, headers, fields, types.

use serde_json::Value;
use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../../functions/verify/openapi.json");

/// The document.
pub struct Contract(Value);

impl Contract {
    pub fn read() -> Self {
        Self(serde_json::from_str(DOCUMENT).unwrap())
    }

    /// The statuses that a route may answer with.
    pub fn statuses(&self, route: &str) -> BTreeSet<u16> {
        self.responses(route).as_object().unwrap().keys().map(|status| status.parse().unwrap()).collect()
    }

    /// Panics unless the document describes this answer.
    pub fn hold(&self, route: &str, status: u16, headers: &http::HeaderMap, body: &Value) {
        let answered = format!("{route} answered {status} {body}");
        let response = self.responses(route).get(status.to_string());
        let response = self.resolve(response.unwrap_or_else(|| panic!("{answered}: not in the document")));
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let value = headers.get(name).unwrap_or_else(|| panic!("{answered}: no {name}")).to_str().unwrap();
            let value = value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from);
            self.fits(&header["schema"], &value).unwrap_or_else(|why| panic!("{answered}: {name}: {why}"));
        }
        assert_eq!(headers["content-type"], "application/json", "{answered}");
        assert_eq!(headers["cache-control"], "no-store", "{answered}");
        let schema = &response["content"]["application/json"]["schema"];
        self.fits(schema, body).unwrap_or_else(|why| panic!("{answered}: {why}"));
    }

    /// Whether the document takes this for a request.
    pub fn takes(&self, route: &str, body: &Value) -> bool {
        let schema = &self.operation(route)["requestBody"]["content"]["application/json"]["schema"];
        self.fits(schema, body).is_ok()
    }

    fn operation(&self, route: &str) -> &Value {
        &self.0["paths"][&format!("/verify/{{tenant}}/{route}")]["post"]
    }

    fn responses(&self, route: &str) -> &Value {
        &self.operation(route)["responses"]
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(place) => self.0.pointer(place.trim_start_matches('#')).unwrap_or_else(|| panic!("no {place}")),
            None => value,
        }
    }

    /// As much of JSON Schema as the document uses; a keyword that isn't known here would go unchecked, so it panics.
    fn fits(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = self.resolve(schema);
        for (keyword, rule) in schema.as_object().unwrap() {
            let fits = match keyword.as_str() {
                "description" | "properties" => true,
                "type" => match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64() || value.is_u64(),
                    other => panic!("type {other}"),
                },
                "enum" => rule.as_array().unwrap().contains(value),
                "minimum" => value.as_i64() >= rule.as_i64(),
                "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
                "format" => {
                    value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok() && text.ends_with('Z'))
                }
                "pattern" => pattern(rule.as_str().unwrap(), value.as_str().unwrap_or_default()),
                "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
                "additionalProperties" => {
                    let known = schema["properties"].as_object().unwrap();
                    value.as_object().is_some_and(|fields| fields.keys().all(|name| known.contains_key(name)))
                }
                other => panic!("keyword {other}"),
            };
            if !fits {
                return Err(format!("{keyword} {rule}"));
            }
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(field) = value.get(name) {
                self.fits(schema, field).map_err(|why| format!("{name}: {why}"))?;
            }
        }
        Ok(())
    }
}

/// The three patterns of the document, by hand: a whole engine for them would be more to trust than to gain.
fn pattern(pattern: &str, text: &str) -> bool {
    let all = |text: &str, fits: fn(&u8) -> bool| text.bytes().all(|b| fits(&b));
    match pattern {
        "^VE[0-9a-zA-Z]{32}$" => text.len() == 34 && text.starts_with("VE") && all(text, u8::is_ascii_alphanumeric),
        "^[0-9a-zA-Z]{4,10}$" => (4..=10).contains(&text.len()) && all(text, u8::is_ascii_alphanumeric),
        r"^\+\*{5,}[0-9]{2}$" => {
            let hidden = text.strip_prefix('+').map(|rest| rest.trim_start_matches('*'));
            hidden.is_some_and(|rest| rest.len() == 2 && all(rest, u8::is_ascii_digit)) && text.len() >= 8
        }
        other => panic!("pattern {other}"),
    }
}

#[test]
fn the_document_takes_what_the_function_takes() {
    let contract = Contract::read();
    let check = |route: &str, body: Value, expect: bool| assert_eq!(contract.takes(route, &body), expect, "{body}");
    check("start", serde_json::json!({"employee_id": "1", "channel": "sms"}), true);
    check("start", serde_json::json!({"employee_id": "", "channel": "sms"}), false);
    check("start", serde_json::json!({"employee_id": "1", "channel": "email"}), false);
    check("check", serde_json::json!({"employee_id": "1", "code": "123456"}), true);
    check("check", serde_json::json!({"employee_id": "1", "code": "123"}), false);
    check("check", serde_json::json!({"employee_id": "1"}), false);
}
