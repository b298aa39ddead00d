//! Reads the XMLP form of a query's rows as it streams. Namespaces and version suffixes differ between releases, so it
//! looks at local names alone; text of columns that nobody asked for is never kept.

use super::error::{Error, Found, Reason};
use super::reader::{Emit, Summary};
use super::row::{Columns, Draft};
use quick_xml::Reader;
use quick_xml::errors::Error as XmlError;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::io::BufRead;

/// `<query numrows="1"><row rownumber="1"><A.EMPLID>…</A.EMPLID></row></query>`, at any depth, in a SOAP envelope or alone
/// (recorded at the University of Minnesota).
pub(super) fn read(body: impl BufRead, columns: &Columns, emit: Emit<'_>) -> Result<Summary, Error> {
    let mut reader = Reader::from_reader(body);
    reader.config_mut().expand_empty_elements = true;
    let mut place = Place {
        columns,
        emit,
        summary: Summary::default(),
        depth: 0,
        query: None,
        row: None,
        value: None,
        in_status: false,
        fault: false,
    };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Eof) => break,
            Ok(Event::Start(start)) => place.enter(&start)?,
            Ok(Event::End(_)) => place.leave()?,
            Ok(Event::Text(text)) => place.text(&text.into_inner()),
            Ok(Event::CData(text)) => place.text(&text.into_inner()),
            Ok(Event::GeneralRef(reference)) => place.text(&resolved(&reference)),
            Ok(_) => {}
            // The parser's error is dropped on purpose: its text may quote the document.
            Err(XmlError::Syntax(_)) => return Err(Error::unavailable(Reason::CutOff)),
            Err(_) => return Err(Error::unavailable(Reason::Unreadable)),
        }
    }
    if place.depth > 0 {
        return Err(Error::unavailable(Reason::CutOff));
    }
    if place.fault {
        return Err(Error::Query { status: None, code: None });
    }
    Ok(place.summary)
}

/// Where we are in the document. Depths count from 1 at the root.
struct Place<'a> {
    columns: &'a Columns,
    emit: Emit<'a>,
    summary: Summary,
    depth: usize,
    query: Option<usize>,
    row: Option<Draft>,
    /// The name and text so far of a column that was asked for.
    value: Option<(String, String)>,
    in_status: bool,
    fault: bool,
}

impl Place<'_> {
    fn enter(&mut self, start: &BytesStart<'_>) -> Result<(), Error> {
        self.depth += 1;
        let name = start.local_name().into_inner();
        match (self.query.map(|query| self.depth - query), &self.row) {
            (Some(1), None) if name == "row" => self.row = Some(Draft::default()),
            (Some(2), Some(_)) if self.columns.wants(name) => self.value = Some((name.to_owned(), String::new())),
            (Some(_), Some(_)) => {}
            // What refuses may stand where rows would be.
            (Some(_), None) | (None, _) => match name {
                "query" if self.query.is_none() => {
                    let numrows = start.try_get_attribute("numrows").ok().flatten();
                    self.summary.expected = numrows.and_then(|count| count.value.trim().parse().ok());
                    self.query = Some(self.depth);
                    self.summary.result_seen = true;
                }
                "status" if self.query.is_none() => {
                    self.in_status = true;
                    self.summary.block = Some(String::new());
                }
                "IBResponse" => return Err(Error::NotSuccess { found: Found::Other }), // the caller reads it in the head
                "Fault" => self.fault = true,
                _ if self.depth == 1 && name.eq_ignore_ascii_case("html") => {
                    return Err(Error::NotSuccess { found: Found::Html });
                }
                _ => {}
            },
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Error> {
        match self.query.map(|query| self.depth.saturating_sub(query)) {
            Some(0) => self.query = None,
            Some(1) => {
                if let Some(draft) = self.row.take() {
                    self.summary.got += 1;
                    (self.emit)(self.columns.finish(draft)?)?;
                }
            }
            Some(2) => {
                if let (Some((name, text)), Some(draft)) = (self.value.take(), &mut self.row) {
                    self.columns.put(draft, &name, &text);
                }
            }
            _ => {}
        }
        self.in_status = false;
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if self.in_status {
            self.summary.block.get_or_insert_default().push_str(text.trim());
        }
        let directly = self.query.is_some_and(|query| self.depth == query + 2);
        if let (Some((_, value)), true) = (&mut self.value, directly) {
            value.push_str(text);
        }
    }
}

/// What `&amp;` or `&#38;` stands for; an unknown name is left as it is written.
pub(super) fn resolved(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    resolve_predefined_entity(reference).map_or_else(|| format!("&{};", &**reference), str::to_owned)
}
