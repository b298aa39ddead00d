//! The readers on bodies that break, never end, or were damaged on the way.

use super::super::body::{Body, Chunk, MAX_ROW};
use super::super::error::{Error, Reason};
use super::super::reader::{Extent, read};
use super::super::row::Columns;
use super::fixture;
use super::readers::read_in_pieces;
use proptest::prelude::*;
use tokio::sync::mpsc;

#[test]
fn one_endless_row_is_refused() {
    let long = "x".repeat(MAX_ROW + MAX_ROW / 8);
    let json = format!(r#"{{"status":"success","data":{{"query":{{"numrows":1,"rows":[{{"B":"{long}"}}]}}}}}}"#);
    let xml = format!("<m><query numrows='1'><row><B>{long}</B></row></query></m>");
    for document in [json, xml] {
        let (rows, end) = read_in_pieces(document.as_bytes(), 16 * 1024, &["A"], Extent::Whole);
        assert!(matches!(end, Err(Error::TooLarge { .. })) && rows.is_empty(), "{end:?}");
    }
}

#[test]
fn a_body_that_fails_is_the_reason_whatever_was_read() {
    let check = |last: Option<Chunk>, expect: Reason| {
        let (sender, receiver) = mpsc::channel(4);
        let start = fixture!("course_careers.json").as_bytes()[..200].to_vec();
        sender.try_send(Chunk::Bytes(start.into())).ok().unwrap();
        if let Some(last) = last {
            sender.try_send(last).ok().unwrap();
        }
        drop(sender);
        let mut rows = 0;
        let end = read(Body::new(receiver), &Columns::new(&[]), Extent::Whole, &mut |_| {
            rows += 1;
            Ok(())
        });
        let error = end.unwrap_err();
        assert!(matches!(&error, Error::Unavailable { reason, .. } if *reason == expect), "{error:?}");
        assert_eq!(rows, 1);
    };
    check(Some(Chunk::Failed(Error::unavailable(Reason::Broken))), Reason::Broken);
    check(Some(Chunk::End), Reason::CutOff);
    check(None, Reason::Stopped);
}

/// Documents to damage.
const DOCUMENTS: [&str; 7] = [
    fixture!("course_careers.json"),
    fixture!("events.json"),
    fixture!("class_data.xml"),
    fixture!("soap_rows.xml"),
    fixture!("no_rows.xml"),
    fixture!("handler_error.xml"),
    fixture!("password_failed.xml"),
];

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), size in 1_usize..50) {
        let _ = read_in_pieces(&bytes, size, &["A"], Extent::Whole);
    }

    #[test]
    fn anything_after_a_good_start_is_survived(start in "[{<]", rest in "[ -~<>{}\\[\\]\":,&;/!]{0,200}", size in 1_usize..50) {
        let _ = read_in_pieces(format!("{start}{rest}").as_bytes(), size, &["A"], Extent::Block);
    }

    #[test]
    fn damaged_documents_are_survived(
        which in 0..DOCUMENTS.len(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<proptest::sample::Index>(),
        cuts in any::<bool>(),
        size in 1_usize..200,
    ) {
        let mut bytes = DOCUMENTS[which].as_bytes().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read_in_pieces(&bytes, size, &["A.EMPLID", "FIELDVALUE", "A.LOCATION"], Extent::Whole);
    }

    #[test]
    fn a_cut_document_is_never_complete(which in 0..4_usize, cut in any::<proptest::sample::Index>()) {
        let document = DOCUMENTS[which].trim_end().as_bytes();
        let (_, end) = read_in_pieces(&document[..cut.index(document.len())], 64, &["A.EMPLID"], Extent::Whole);
        prop_assert!(end.is_err());
    }
}
