//! The queries that the hospital's `PeopleSoft` administrator wrote, and their rows: with everything that the pages of
//! `infra/peoplesoft` ask for, more besides, and columns that nobody should read, money and identity among them.

use super::people::Employee;
use crate::peoplesoft::database::{Query, Row, TimeFormat, Value};
use crate::peoplesoft::schema::{Column, Filter, Kind, Prompt};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// The dates around `now`, in the database's base time zone.
pub(super) struct Calendar {
    now: Timestamp,
    time_zone: TimeZone,
    today: Date,
}

impl Calendar {
    pub(super) fn new(now: Timestamp, time_zone: &TimeZone) -> Self {
        Self { now, time_zone: time_zone.clone(), today: time_zone.to_datetime(now).date() }
    }

    /// So many seconds ago, to the second.
    fn ago(&self, seconds: i64) -> DateTime {
        let at = Timestamp::from_second(self.now.as_second() - seconds).unwrap_or(self.now);
        self.time_zone.to_datetime(at)
    }

    fn day(&self, days_from_today: i64) -> String {
        let day = self.today.saturating_add(Span::new().days(days_from_today));
        day.strftime("%Y-%m-%d").to_string()
    }
}

/// All staff, confirmed in four runs (one for each pay group) between six and three minutes ago.
pub(super) fn payroll_posted(employees: &[&Employee], calendar: &Calendar) -> Query {
    let columns = [
        Column::new("A.EMPLID", Kind::Character),
        Column::new("A.COMPANY", Kind::Character),
        Column::new("A.PAYGROUP", Kind::Character),
        Column::new("A.PAY_END_DT", Kind::Date),
        Column::new("A.CHECK_DT", Kind::Date),
        Column::new("A.SEPCHK", Kind::Number),
        Column::new("A.LASTUPDDTTM", Kind::Datetime),
        Column::new("B.NAME_DISPLAY", Kind::Character),
        Column::new("C.PHONE", Kind::Character),
        Column::new("C.COUNTRY_CODE", Kind::Character),
        Column::new("C.OPT_OUT", Kind::Character),
        Column::new("C.CHANNEL_PREF", Kind::Character),
        Column::new("D.LANG_CD", Kind::Character),
        Column::new("E.DESCR", Kind::Character),
        Column::new("F.DESCR", Kind::Character),
        Column::renamed("LOCATION", "DESCR", Kind::Character),
        Column::new("A.NET_PAY", Kind::SignedNumber),
        Column::renamed("TOTAL_GROSS", "TOTAL_GROSS", Kind::SignedNumber),
        Column::new("G.NATIONAL_ID", Kind::Character),
        Column::new("EXPR1_1", Kind::Character),
    ];
    let [since, until] = Prompt::window();
    let company = Prompt::optional("COMPANY", Kind::Character, Filter::Equals("A.COMPANY".to_owned()));
    let after = Prompt::optional("AFTER_EMPLID", Kind::Character, Filter::After("A.EMPLID".to_owned()));
    let rows: Vec<Row> = (0_i64..)
        .zip(employees)
        .map(|(index, employee)| {
            let group = index % 4;
            let mut values = vec![
                text(&employee.id),
                text("SLH"),
                Value::from(format!("BW{}", group + 1)),
                Value::from(calendar.day(-5)),
                Value::from(calendar.day(2)),
                Value::from(0),
                Value::RowTime,
                Value::from(employee.display_name()),
            ];
            values.extend(contact(employee));
            values.extend([text(employee.department), text(employee.job_title), text(employee.site)]);
            values.extend([money(index, 1900), money(index, 2600), Value::from(national_id(index)), text("POSTED")]);
            Row::new(calendar.ago(360 - 60 * group), values)
        })
        .collect();
    Query { description: "Confirmed paychecks".to_owned(), ..Query::new(columns, [since, until, company, after]) }
        .with_rows(rows)
}

/// Changed shifts of the coming days, one a few seconds after the other.
pub(super) fn shift_changed(employees: &[&Employee], calendar: &Calendar) -> Query {
    const SHIFTS: [(&str, &str, &str); 4] = [
        ("DAY12", "07.00.00.000000", "19:00"),
        ("NIGHT12", "19.00.00.000000", " 7:00"),
        ("EVE8", "15.00.00.000000", "23:00"),
        ("EARLY8", "06.30.00.000000", "14:30"),
    ];
    let columns = [
        Column::new("A.EMPLID", Kind::Character),
        Column::new("A.EMPL_RCD", Kind::Number),
        Column::new("A.DUR", Kind::Date),
        Column::new("A.SHIFT_ID", Kind::Character),
        Column::new("A.START_TIME", Kind::Time),
        Column::new("A.END_TIME", Kind::Time),
        Column::new("A.LASTUPDDTTM", Kind::Datetime),
        Column::new("B.NAME", Kind::Character),
        Column::new("C.PHONE", Kind::Character),
        Column::new("C.COUNTRY_CODE", Kind::Character),
        Column::new("C.OPT_OUT", Kind::Character),
        Column::new("C.CHANNEL_PREF", Kind::Character),
        Column::new("D.LANG_CD", Kind::Character),
        Column::new("E.DESCR", Kind::Character),
        Column::new("F.DESCR", Kind::Character),
        Column::renamed("SITE", "DESCR", Kind::Character),
        Column::new("G.HOURLY_RT", Kind::Number),
    ];
    let rows: Vec<Row> = (0_i64..)
        .zip(employees)
        .map(|(index, employee)| {
            let (shift, start, end) = SHIFTS[usize::try_from(index).unwrap_or_default() % SHIFTS.len()];
            let mut values = vec![
                text(&employee.id),
                Value::from(0),
                Value::from(calendar.day(1 + index % 6)),
                text(shift),
                text(start),
                text(end),
                Value::RowTime,
                Value::from(employee.name()),
            ];
            values.extend(contact(employee));
            values.extend([text(employee.department), text(employee.job_title), text(employee.site), money(index, 41)]);
            Row::new(calendar.ago(500 - 11 * index), values)
        })
        .collect();
    Query { description: "Changed shifts".to_owned(), ..Query::new(columns, Prompt::window()) }.with_rows(rows)
}

/// Steps assigned a while ago. There is no phone here: `ML_CONTACTS` has it.
pub(super) fn onboarding_due(employees: &[&Employee], calendar: &Calendar) -> Query {
    const STEPS: [&str; 5] = [
        "Sign the handbook",
        "Upload your license",
        "Book the flu shot",
        "Set up direct deposit",
        "Finish fire safety training",
    ];
    let columns = [
        Column::new("A.PTAI_ITEM_ID", Kind::Character),
        Column::new("A.PTAI_LABEL", Kind::Character),
        Column::new("A.PTAI_DUE_DATE", Kind::Date),
        Column::new("EXPR1_1", Kind::Datetime),
        Column::new("B.EMPLID", Kind::Character),
        Column::new("B.NAME_DISPLAY", Kind::Character),
        Column::new("D.LANG_CD", Kind::Character),
        Column::new("A.PTAI_STATUS", Kind::Character),
    ];
    let rows: Vec<Row> = (0_i64..)
        .zip(employees)
        .zip(STEPS.iter().cycle())
        .map(|((index, employee), step)| {
            let values = [
                Value::from(format!("PTAI{}{:04}", calendar.today.strftime("%Y%m%d"), index + 1)),
                text(step),
                Value::from(calendar.day(3 + index)),
                Value::RowTime,
                text(&employee.id),
                Value::from(employee.display_name()),
                text(employee.language),
                text("1"),
            ];
            Row::new(calendar.ago(240 - index), values)
        })
        .collect();
    let query = Query::new(columns, Prompt::window());
    Query { description: "Onboarding steps".to_owned(), time_format: TimeFormat::Spaced, ..query }.with_rows(rows)
}

/// People who have not chosen their benefits yet.
pub(super) fn benefits_deadline(employees: &[&Employee], calendar: &Calendar) -> Query {
    let columns = [
        Column::new("A.SCHED_ID", Kind::Character),
        Column::new("A.EMPLID", Kind::Character),
        Column::new("A.EVENT_ID", Kind::Number),
        Column::new("EXPR2_2", Kind::Date),
        Column::new("EXPR3_3", Kind::Datetime),
        Column::new("B.NAME_DISPLAY", Kind::Character),
        Column::new("C.PHONE", Kind::Character),
        Column::new("C.COUNTRY_CODE", Kind::Character),
        Column::new("C.OPT_OUT", Kind::Character),
        Column::new("C.CHANNEL_PREF", Kind::Character),
        Column::new("D.LANG_CD", Kind::Character),
        Column::renamed("PROGRAM", "DESCR", Kind::Character),
        Column::new("G.ANNUAL_RT", Kind::Number),
    ];
    let rows: Vec<Row> = (0_i64..)
        .zip(employees)
        .map(|(index, employee)| {
            let mut values = vec![
                text("OE2026"),
                text(&employee.id),
                Value::from(1),
                Value::from(calendar.day(7)),
                Value::RowTime,
                Value::from(employee.display_name()),
            ];
            values.extend(contact(employee));
            values.extend([text("Medical, dental, vision"), money(index, 68_000)]);
            Row::new(calendar.ago(180), values)
        })
        .collect();
    Query { description: "Open enrollment".to_owned(), ..Query::new(columns, Prompt::window()) }.with_rows(rows)
}

/// Licences that expire in thirty days. The demo's own document doesn't ask for them.
pub(super) fn licence_expires(employees: &[&Employee], calendar: &Calendar) -> Query {
    let columns = [
        Column::new("A.EMPLID", Kind::Character),
        Column::new("A.LICENCE_CD", Kind::Character),
        Column::new("A.EXPIRY_DT", Kind::Date),
        Column::new("EXPR1_1", Kind::Datetime),
    ];
    let row = |employee: &&Employee| {
        let values = [text(&employee.id), text("RN licence"), Value::from(calendar.day(30)), Value::RowTime];
        Row::new(calendar.ago(120), values)
    };
    let rows: Vec<Row> = employees.iter().map(row).collect();
    Query { description: "Licences that expire".to_owned(), ..Query::new(columns, Prompt::window()) }.with_rows(rows)
}

/// How to reach one employee.
pub(super) fn contacts(employees: &[&Employee], calendar: &Calendar) -> Query {
    let columns = [
        Column::new("A.EMPLID", Kind::Character),
        Column::new("B.NAME_DISPLAY", Kind::Character),
        Column::new("C.PHONE_TYPE", Kind::Character),
        Column::new("C.PHONE", Kind::Character),
        Column::new("C.COUNTRY_CODE", Kind::Character),
        Column::new("C.OPT_OUT", Kind::Character),
        Column::new("C.CHANNEL_PREF", Kind::Character),
        Column::new("D.LANG_CD", Kind::Character),
        Column::new("C.PREF_PHONE_FLAG", Kind::Character),
        Column::renamed("DEPTNAME", "DESCR", Kind::Character),
        Column::new("F.DESCR", Kind::Character),
        Column::new("G.BIRTHDATE", Kind::Date),
        Column::new("G.NATIONAL_ID", Kind::Character),
    ];
    let employee_id = Prompt::optional("EMPLID", Kind::Character, Filter::Equals("A.EMPLID".to_owned()));
    let rows: Vec<Row> = (0_i64..)
        .zip(employees)
        .map(|(index, employee)| {
            let mut values = vec![text(&employee.id), Value::from(employee.display_name()), text("CELL")];
            values.extend(contact(employee));
            values.extend([text("N"), text(employee.department), text(employee.job_title)]);
            values.extend([Value::from(calendar.day(-12_000 - index)), Value::from(national_id(index))]);
            Row::new(calendar.ago(86_400), values)
        })
        .collect();
    Query { description: "How to reach an employee".to_owned(), ..Query::new(columns, [employee_id]) }.with_rows(rows)
}

/// PHONE, `COUNTRY_CODE`, `OPT_OUT`, `CHANNEL_PREF` and `LANG_CD`, the columns that most of the queries share.
fn contact(employee: &Employee) -> [Value; 5] {
    [
        text(&employee.phone.text),
        text(employee.phone.country_code),
        text(employee.opted_out),
        text(employee.preference),
        text(employee.language),
    ]
}

fn text(text: &str) -> Value {
    Value::from(text)
}

/// An amount with cents around `base`.
fn money(index: i64, base: i64) -> Value {
    let cents = base * 100 + index * 7919 % (base * 50);
    format!("{}.{:02}", cents / 100, cents % 100).parse().map_or(Value::Empty, Value::Number)
}

/// Nine digits like a social security number's; none begins with 000.
fn national_id(index: i64) -> String {
    format!("000-{:02}-{:04}", 10 + index % 90, 1000 + index % 9000)
}
