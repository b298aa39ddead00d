//! What a query looks like from outside: its columns and its prompts. Never holds a value of a row.

/// One column of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The unique field name, the key in every answer: `A.EMPLID`, or whatever the query's author made of it (`DATE`).
    pub unique_name: String,
    /// The record's field: `EMPLID`; for an expression the same as the unique name.
    pub field_name: String,
    /// What the field holds.
    pub kind: Kind,
}

/// A field type, spelled as `QueryFields` and `QueryPrompts` spell it ("Reporting Web Services", element `FieldType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text; leading zeros count.
    Character,
    /// Text without a length.
    LongCharacter,
    /// A number of zero or more.
    Number,
    /// A number that may be negative.
    SignedNumber,
    /// `2026-03-15`.
    Date,
    /// `19.00.00.000000`, or ` 9:05`.
    Time,
    /// `2026-03-17-16.42.07.000000`, in the database's base time zone and without an offset.
    Datetime,
}

/// One prompt of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The unique prompt name, case-sensitive: `BIND1`, or what the author made of it (`SINCE`).
    pub unique_name: String,
    /// How its value is written. Date, Time and Datetime prompts are required whatever `required` says: `PeopleSoft`
    /// Query knows no optional ones.
    pub kind: Kind,
    /// An error if it is missing or empty.
    pub required: bool,
    /// Which rows it lets through.
    pub filter: Filter,
}

/// What a prompt does to the rows. An empty value of an optional prompt lets every row through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Rows stamped at this time or later; with a Date prompt, on this day or later.
    Since,
    /// Rows stamped at this time or earlier; with a Date prompt, on this day or earlier.
    Until,
    /// Rows whose column of this unique name equals the value.
    Equals(String),
    /// Rows whose column of this unique name is greater than the value, compared as text: paging by key. A query that
    /// has such a prompt orders the rows of one instant by that column.
    After(String),
}

impl Column {
    /// A column named as `PeopleSoft` Query names it by itself: record alias, dot, field.
    pub fn new(unique_name: &str, kind: Kind) -> Self {
        let field_name = unique_name.rsplit('.').next().unwrap_or(unique_name);
        Self::renamed(unique_name, field_name, kind)
    }

    /// A column to which the query's author gave a unique name of their own.
    pub fn renamed(unique_name: &str, field_name: &str, kind: Kind) -> Self {
        Self { unique_name: unique_name.to_owned(), field_name: field_name.to_owned(), kind }
    }
}

impl Prompt {
    /// A prompt that must be answered.
    pub fn required(unique_name: &str, kind: Kind, filter: Filter) -> Self {
        Self { unique_name: unique_name.to_owned(), kind, required: true, filter }
    }

    /// A prompt that may be left empty; the filter is then off.
    pub fn optional(unique_name: &str, kind: Kind, filter: Filter) -> Self {
        Self { required: false, ..Self::required(unique_name, kind, filter) }
    }

    /// The two Datetime prompts of a window, `SINCE` and `UNTIL`, both ends inclusive.
    pub fn window() -> [Self; 2] {
        [Self::required("SINCE", Kind::Datetime, Filter::Since), Self::required("UNTIL", Kind::Datetime, Filter::Until)]
    }

    pub(super) fn must_be_answered(&self) -> bool {
        self.required || matches!(self.kind, Kind::Date | Kind::Time | Kind::Datetime)
    }
}

impl Kind {
    /// The word for it in `QueryFields` and `QueryPrompts`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Character => "Character",
            Self::LongCharacter => "Long Character",
            Self::Number => "Number",
            Self::SignedNumber => "Signed Number",
            Self::Date => "Date",
            Self::Time => "Time",
            Self::Datetime => "Datetime",
        }
    }

    /// A length that a field of this kind could have, for the self-check's `FieldLength`.
    pub(super) fn length(self) -> u32 {
        match self {
            Self::Character => 30,
            Self::LongCharacter => 0,
            Self::Number | Self::SignedNumber => 12,
            Self::Date => 10,
            Self::Time => 15,
            Self::Datetime => 26,
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::SignedNumber)
    }
}
