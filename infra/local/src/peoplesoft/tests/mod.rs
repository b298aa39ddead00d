//! Tests of the fake with a plain HTTP client: what it takes, what it answers, and how it fails.

mod access;
mod faults;
mod grammar;
mod hospital;
mod rows;
mod runs;
mod shape;

use super::*;
use jiff::civil::date;
use reqwest::{Client, Response};

/// What tests compare: status, content type and body.
struct Got {
    status: u16,
    content_type: String,
    body: String,
}

impl Got {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }

    /// The values of one column.
    fn column(&self, name: &str) -> Vec<String> {
        let rows = self.json()["data"]["query"]["rows"].as_array().unwrap().clone();
        rows.iter().map(|row| row[name].as_str().map_or_else(|| row[name].to_string(), str::to_owned)).collect()
    }
}

/// 2026-03-17 17:00 UTC.
fn noon() -> Timestamp {
    "2026-03-17T17:00:00Z".parse().unwrap()
}

fn at(hour: i8, minute: i8, second: i8) -> DateTime {
    date(2026, 3, 17).at(hour, minute, second, 0)
}

/// A small query with every kind of column, a window, a company and a page prompt.
fn shifts() -> Query {
    let columns = [
        Column::new("A.EMPLID", Kind::Character),
        Column::new("A.COMPANY", Kind::Character),
        Column::new("A.START_DT", Kind::Date),
        Column::new("A.START_TIME", Kind::Time),
        Column::new("A.LASTUPDDTTM", Kind::Datetime),
        Column::renamed("HOURS", "SCHED_HRS", Kind::Number),
        Column::new("EXPR1_1", Kind::LongCharacter),
    ];
    let [since, until] = Prompt::window();
    let company = Prompt::optional("COMPANY", Kind::Character, Filter::Equals("A.COMPANY".to_owned()));
    let after = Prompt::optional("AFTER", Kind::Character, Filter::After("A.EMPLID".to_owned()));
    Query::new(columns, [since, until, company, after])
}

fn shift(id: &str, company: &str, time: DateTime) -> Row {
    let values = [id.into(), company.into(), "2026-03-19".into(), " 9:05".into(), Value::RowTime, 8.into(), "".into()];
    Row::new(time, values)
}

fn three() -> Database {
    let rows =
        [shift("0003", "SLH", at(10, 0, 0)), shift("0001", "SLH", at(9, 0, 0)), shift("0002", "XYZ", at(11, 0, 0))];
    Database::default().with("ML_SHIFTS", shifts().with_rows(rows))
}

async fn fake(settings: Settings) -> FakePeopleSoft {
    FakePeopleSoft::start(three(), settings).await.unwrap()
}

async fn plain() -> FakePeopleSoft {
    fake(Settings::new(noon)).await
}

async fn read(response: Response) -> Got {
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    Got { status, content_type: content_type.unwrap_or_default(), body: response.text().await.unwrap() }
}

/// Asks with the default user's password.
async fn try_get(fake: &FakePeopleSoft, rest: &str) -> reqwest::Result<Response> {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    client.get(format!("{}/{rest}", fake.base_url())).basic_auth("NOTIFY", Some("fake-password")).send().await
}

async fn get(fake: &FakePeopleSoft, rest: &str) -> Got {
    read(try_get(fake, rest).await.unwrap()).await
}

const DAY: &str =
    "&prompt_uniquepromptname=SINCE,UNTIL&prompt_fieldvalue=2026-03-17-00.00.00.000000,2026-03-17-23.59.59.000000";

/// `ML_SHIFTS` of the whole day as JSON, with something added to the query string.
fn day(more: &str) -> String {
    format!("ExecuteQuery.v1/public/ML_SHIFTS/JSON/NONFILE?isconnectedquery=N&maxrows=100&json_resp=true{DAY}{more}")
}

/// The same as XML.
fn day_xml() -> String {
    format!("ExecuteQuery.v1/public/ML_SHIFTS/XMLP/NONFILE?isconnectedquery=N&maxrows=100{DAY}")
}

/// `ML_SHIFTS` of a window as JSON.
fn window(since: &str, until: &str) -> String {
    format!(
        "ExecuteQuery.v1/public/ML_SHIFTS/JSON/NONFILE?isconnectedquery=N&maxrows=100&json_resp=true\
         &prompt_uniquepromptname=SINCE,UNTIL&prompt_fieldvalue={since},{until}"
    )
}
