//! The kinds of event that the connector knows, and what each takes for granted: columns, key and texts. Pages for the
//! `PeopleSoft` administrator under `infra/peoplesoft/` describe queries that fit these defaults.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A payroll was confirmed.
    PayrollPosted,
    /// A shift was changed.
    ShiftChanged,
    /// An onboarding step is due.
    OnboardingDue,
    /// A benefits enrolment closes.
    BenefitsDeadline,
    /// Anything else; nothing is taken for granted.
    Custom,
}

/// The words of the tenant document.
pub const WORDS: &[(&str, Kind)] = &[
    ("payroll_posted", Kind::PayrollPosted),
    ("shift_changed", Kind::ShiftChanged),
    ("onboarding_due", Kind::OnboardingDue),
    ("benefits_deadline", Kind::BenefitsDeadline),
    ("custom", Kind::Custom),
];

/// How `PeopleSoft` Query itself writes a datetime, which its prompts take back.
pub const PROMPT_FORMAT: &str = "%Y-%m-%d-%H.%M.%S.000000";

/// What a kind takes for granted where the document is silent.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// Column by meaning.
    pub columns: &'static [(&'static str, &'static str)],
    /// Column by template field, for the kind's own texts.
    pub fields: &'static [(&'static str, &'static str)],
    /// The columns that identify an event.
    pub key: &'static [&'static str],
    /// Text by language.
    pub templates: &'static [(&'static str, &'static str)],
}

impl Defaults {
    /// The columns of the template's fields.
    pub fn fields(&self) -> BTreeMap<String, String> {
        self.fields.iter().map(|(name, column)| ((*name).to_owned(), (*column).to_owned())).collect()
    }
}

const EMPLOYEE: (&str, &str) = ("employee_id", "A.EMPLID");
const UPDATED: (&str, &str) = ("occurred_at", "A.LASTUPDDTTM");

impl Kind {
    /// The word in documents, ledger and reports.
    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|(_, kind)| *kind == self).map_or("custom", |(word, _)| word)
    }

    /// What the kind takes for granted.
    pub fn defaults(self) -> Defaults {
        match self {
            Self::PayrollPosted => Defaults {
                columns: &[EMPLOYEE, UPDATED],
                fields: &[("check_date", "A.CHECK_DT")],
                key: &["A.PAY_END_DT"],
                templates: &[
                    ("en", "Hi {{ employee.first_name }}, your pay dated {{ event.check_date | date }} has posted."),
                    (
                        "es",
                        "Hola {{ employee.first_name }}, su pago con fecha {{ event.check_date | date }} ya fue registrado.",
                    ),
                ],
            },
            Self::ShiftChanged => Defaults {
                columns: &[EMPLOYEE, UPDATED],
                fields: &[("date", "A.DUR"), ("start", "A.START_TIME")],
                key: &["A.DUR", "A.SHIFT_ID", "A.START_TIME"],
                templates: &[
                    (
                        "en",
                        "Hi {{ employee.first_name }}, your shift on {{ event.date | date }} now starts at {{ event.start | time }}.",
                    ),
                    (
                        "es",
                        "Hola {{ employee.first_name }}, su turno del {{ event.date | date }} ahora empieza a las {{ event.start | time }}.",
                    ),
                ],
            },
            Self::OnboardingDue => Defaults {
                columns: &[("employee_id", "B.EMPLID"), ("occurred_at", "EXPR1_1")],
                fields: &[("step", "A.PTAI_LABEL"), ("due", "A.PTAI_DUE_DATE")],
                key: &["A.PTAI_ITEM_ID", "A.PTAI_DUE_DATE"],
                templates: &[
                    ("en", "Hi {{ employee.first_name }}, \"{{ event.step }}\" is due on {{ event.due | date }}."),
                    ("es", "Hola {{ employee.first_name }}, \"{{ event.step }}\" vence el {{ event.due | date }}."),
                ],
            },
            Self::BenefitsDeadline => Defaults {
                columns: &[EMPLOYEE, ("occurred_at", "EXPR3_3")],
                fields: &[("deadline", "EXPR2_2")],
                key: &["A.SCHED_ID", "A.EVENT_ID", "EXPR2_2"],
                templates: &[
                    ("en", "Hi {{ employee.first_name }}, please choose your benefits by {{ event.deadline | date }}."),
                    (
                        "es",
                        "Hola {{ employee.first_name }}, por favor elija sus beneficios antes del {{ event.deadline | date }}.",
                    ),
                ],
            },
            Self::Custom => Defaults { columns: &[], fields: &[], key: &[], templates: &[] },
        }
    }
}
