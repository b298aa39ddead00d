//! What AWS said when it didn't do what was asked, in words that may be logged. Never a piece of an answer itself: a secret
//! or a person's number may stand in it, and the SDK's own text for logs holds all of it.

use super::chain;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// A refusal's code and reason; where no answer came, why not; and of an answer that can't be read only that.
pub fn said<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E>) -> String {
    let unreadable = |status: u16| format!("its answer (HTTP {status}) can't be read");
    match error {
        SdkError::ServiceError(refused) => match (refused.err().code(), refused.err().message()) {
            (Some(code), Some(reason)) => format!("{code}: {reason}"),
            (Some(code), None) => code.to_owned(),
            // So the SDK also calls an answer whose parts it doesn't understand, whatever its status.
            (None, _) => unreadable(refused.raw().status().as_u16()),
        },
        SdkError::ResponseError(answer) => unreadable(answer.raw().status().as_u16()),
        unanswered => chain(unanswered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::config::http::HttpResponse;
    use aws_sdk_dynamodb::error::{ConnectorError, ErrorMetadata};
    use aws_sdk_dynamodb::operation::query::QueryError;
    use std::io;

    #[test]
    fn nothing_of_an_answer_is_told_but_a_refusals_code_and_reason() {
        let raw = |status: u16| HttpResponse::new(status.try_into().unwrap(), "hunter2".into());
        let check = |error: SdkError<QueryError>, expect: &str| {
            assert_eq!(said(&error), expect);
        };
        let refused = |metadata| SdkError::service_error(QueryError::generic(metadata), raw(400));
        check(
            refused(ErrorMetadata::builder().code("AccessDeniedException").message("no right to it").build()),
            "AccessDeniedException: no right to it",
        );
        check(refused(ErrorMetadata::builder().code("ThrottlingException").build()), "ThrottlingException");
        check(refused(ErrorMetadata::builder().build()), "its answer (HTTP 400) can't be read");
        check(
            SdkError::response_error("expected a number, found \"hunter2\"", raw(200)),
            "its answer (HTTP 200) can't be read",
        );
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        check(
            SdkError::dispatch_failure(ConnectorError::io(refused.into())),
            "dispatch failure: io error: connection refused",
        );
    }
}
