//! A request as the HTTP API hands it over (AWS, payload format 2.0), and its answer. Nothing of it is parsed: what was signed is
//! what arrived, and a path, a query or a host that no URI could hold is no trouble of ours.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use std::fmt;

/// A request. `Debug` shows nothing that its caller chose.
pub struct Request {
    /// In capitals.
    pub method: Method,
    /// Percent-decoded, as the HTTP API has it.
    pub path: String,
    /// To the letter as it was sent, without the question mark; empty if there is none.
    pub query: String,
    /// By their names in any case.
    pub headers: HeaderMap,
    /// As it was sent.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// What it comes to.
    pub status: StatusCode,
    /// What goes with it.
    pub headers: HeaderMap,
    /// What it says.
    pub body: String,
}

impl Request {
    /// The one value of a header, if it is plain text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

impl From<ApiGatewayV2httpRequest> for Request {
    fn from(event: ApiGatewayV2httpRequest) -> Self {
        let body = event.body.unwrap_or_default();
        Self {
            method: event.request_context.http.method,
            path: event.raw_path.unwrap_or_default(),
            query: event.raw_query_string.unwrap_or_default(),
            headers: event.headers,
            // A form comes in base64; what isn't base64 then says nothing, and fits no signature.
            body: if event.is_base64_encoded {
                BASE64_STANDARD.decode(body).unwrap_or_default()
            } else {
                body.into_bytes()
            },
        }
    }
}

impl Response {
    /// An answer with a body of some type; without one, if it is empty.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<String>) -> Self {
        let body = body.into();
        let named = (!body.is_empty()).then(|| (CONTENT_TYPE, HeaderValue::from_static(content_type)));
        Self { status, headers: named.into_iter().collect(), body }
    }

    /// The same answer with one header more.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl From<Response> for ApiGatewayV2httpResponse {
    fn from(response: Response) -> Self {
        let mut answer = Self::default();
        answer.status_code = response.status.as_u16().into();
        answer.headers = response.headers;
        answer.body = (!response.body.is_empty()).then_some(Body::Text(response.body));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn request(change: impl FnOnce(&mut Value)) -> Request {
        let mut event = json!({
            "version": "2.0", "routeKey": "POST /twilio/{tenant}/status", "rawPath": "/twilio/st-lukes/status",
            "rawQueryString": "n=1&a=1", "headers": {"host": "api.example.org", "x-twilio-signature": "abc"},
            "requestContext": {"http": {"method": "POST", "path": "/"}, "stage": "$default"},
            "isBase64Encoded": false, "body": "[]",
        });
        change(&mut event);
        serde_json::from_value::<ApiGatewayV2httpRequest>(event).unwrap().into()
    }

    #[test]
    fn a_request_is_what_arrived() {
        let usual = request(|_| ());
        assert_eq!((usual.method.as_str(), usual.path.as_str()), ("POST", "/twilio/st-lukes/status"));
        assert_eq!((usual.query.as_str(), usual.body.as_slice()), ("n=1&a=1", &b"[]"[..]));
        assert_eq!(usual.header("X-Twilio-Signature"), Some("abc"));
        let form =
            |body: &str| request(|event| (event["isBase64Encoded"], event["body"]) = (true.into(), body.into())).body;
        assert_eq!(form("YT0xJmI9Kw=="), b"a=1&b=+");
        assert_eq!(form("no base64!"), b"");
        assert_eq!(request(|event| event["body"] = Value::Null).body, b"");
        assert_eq!(request(|event| event["rawQueryString"] = Value::Null).query, "");
    }

    #[test]
    fn what_no_uri_could_hold_is_taken_as_it_is() {
        for odd in ["^{|}`", "a b", "\u{1}", "\u{7f}", "ü<>\"\\", "%zz", "#?#"] {
            assert_eq!(request(|event| event["rawQueryString"] = odd.into()).query, odd);
            assert_eq!(request(|event| event["rawPath"] = odd.into()).path, odd);
        }
        for odd in ["[::bad", "a b", "", "://", "[", "a:999999"] {
            request(|event| event["headers"]["host"] = odd.into());
            request(|event| (event["headers"], event["requestContext"]["domainName"]) = (json!({}), odd.into()));
        }
    }

    #[test]
    fn an_answer_is_what_the_http_api_understands() {
        let told = |response: Response| serde_json::to_value(ApiGatewayV2httpResponse::from(response)).unwrap();
        let empty = told(Response::new(StatusCode::NO_CONTENT, "text/plain", ""));
        assert_eq!((&empty["statusCode"], &empty["headers"], empty.get("body")), (&json!(204), &json!({}), None));
        let wait = (http::header::RETRY_AFTER, HeaderValue::from_static("7"));
        let said = told(Response::new(StatusCode::OK, "text/xml; charset=utf-8", "<a/>").with(wait.0, wait.1));
        assert_eq!(
            (&said["statusCode"], &said["body"], &said["isBase64Encoded"]),
            (&json!(200), &json!("<a/>"), &json!(false))
        );
        assert_eq!(said["headers"], json!({"content-type": "text/xml; charset=utf-8", "retry-after": "7"}));
    }
}
