//! `connector local`: the whole stack in one process, around a demo hospital or around tenants of one's own. What it starts
//! stops with it; what it calls is what the tenant documents name.

mod report;

use crate::failure::{Done, Exit, Failure};
use crate::live::{self, Live};
use crate::terminal::Terminal;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, civil};
use local::demo::{Demo, Moods};
use local::progress::{self, Progress};
use local::proof;
use local::stack::{Options, Stack};
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::notification::State;
use shared::telemetry::chain;
use shared::tenant::{QuietHours, Tenant};
use shared::timing::Timing;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// How long an attempt may stay in doubt in the demo, where Twilio's list never lags.
const DEMO_PATIENCE: Duration = Duration::from_secs(4);
/// How often a run looks whether it is over.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often it counts everything while a lot is under way.
const COUNT_EVERY: Duration = Duration::from_secs(2);

/// Run the whole stack in one process: embedded DynamoDB, secrets, stream, schedule, HTTP API, and the functions themselves.
///
/// Without --tenants, a demo hospital with 800 employees, a fake PeopleSoft and a fake Twilio is started with it. With
/// --tenants, every `DIR/{tenant}.json` is a tenant document, and the systems that it names are called: texts go out for real
/// unless the document says `"mode": "dry_run"` or lists the allowed numbers in `"only_to"`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  connector local --once                      the demo, ending in a proof
  connector local --once --chaos              the same while Twilio has a bad day
  connector local --env-file local.env        keep running; in a second shell: . ./local.env
  connector local --tenants ./tenants --listen 127.0.0.1:8080 --callback-base-url https://example.ngrok.app")]
pub struct Local {
    /// End when everything has been read and nothing can move any more; exit 1 if the proof fails
    #[arg(long)]
    once: bool,
    /// A directory of tenant documents, {tenant}.json each, instead of the demo
    #[arg(long, value_name = "DIR")]
    tenants: Option<PathBuf>,
    /// Where to take Twilio's requests
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How Twilio reaches that address, if not directly
    #[arg(long, value_name = "URL")]
    callback_base_url: Option<String>,
    /// How often to poll every source, whatever its document says
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    poll_every: Duration,
    /// Keep the ledger and the stream's position in FILE, and go on from there next time
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Write the export lines to FILE too
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// How long an attempt without an answer may stay in doubt; shorter values shorten all other waits in proportion
    /// [default: 30m, in the demo 4s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    patience: Option<Duration>,
    /// Behave as if it were this time of day now, as far as quiet hours go; "off" for no quiet hours
    #[arg(long, value_name = "HH:MM|off", value_parser = quiet_clock)]
    quiet_hours_clock: Option<QuietClock>,
    /// In the demo: Twilio refuses, drops connections after accepting, and doubles, reorders and loses callbacks
    #[arg(long, conflicts_with = "tenants")]
    chaos: bool,
    /// In the demo: how many people work at the hospital
    #[arg(long, value_name = "N", default_value_t = local::demo::STAFF, conflicts_with = "tenants")]
    staff: usize,
    /// In the demo: how long Twilio takes to answer
    #[arg(long, value_name = "DURATION", default_value = "20ms", value_parser = duration, conflicts_with = "tenants")]
    twilio_latency: Duration,
    /// In the demo: decides everything that is left to chance
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "tenants")]
    seed: u64,
}

/// What `--quiet-hours-clock` says.
#[derive(Debug, Clone, Copy)]
enum QuietClock {
    Off,
    At(civil::Time),
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or_else(|| "not a duration; write for instance 500ms, 2s or 30m".to_owned())
}

fn quiet_clock(text: &str) -> Result<QuietClock, String> {
    if text == "off" {
        return Ok(QuietClock::Off);
    }
    text.parse().map(QuietClock::At).map_err(|_| "not a time of day; write for instance 12:00, or off".to_owned())
}

/// Runs the stack until it is done, or until it is interrupted.
pub async fn run(terminal: &mut Terminal<'_>, args: &Local) -> Done {
    let clock = Clock::system();
    let demo = match &args.tenants {
        Some(_) => None,
        None => Some(start_demo(args, &clock).await?),
    };
    let patience = args.patience.or(demo.is_some().then_some(DEMO_PATIENCE));
    let timing = patience.map_or_else(Timing::default, Timing::with_patience);
    let tenants = match (&args.tenants, &demo) {
        (Some(directory), _) => directory.clone(),
        (None, Some(demo)) => demo.tenants().to_owned(),
        (None, None) => return Err(Failure::Usage("name the tenants' directory with --tenants".to_owned())),
    };
    let options = Options {
        tenants,
        listen: args.listen,
        callback_base_url: args.callback_base_url.clone(),
        poll_every: args.poll_every,
        data: args.data.clone(),
        timing: timing.clone(),
        clock: clock.clone(),
        adjust: Some(Box::new(adjustment(args.poll_every, args.quiet_hours_clock, &clock))),
        metrics: Metrics::off(clock.clone()),
    };
    let mut stack = Stack::start(options)
        .await
        .map_err(|error| Failure::Usage(format!("{}\n  {}", chain(&error), error.remedy())))?;
    // A run that ends by itself would take its page away while somebody reads it.
    let page = if args.once { None } else { Some(serve_page(&stack, &clock).await?) };
    announce(terminal, args, &stack, demo.as_ref(), page.as_ref())?;
    if args.once {
        let progress = until_still(terminal, &stack, &timing, &clock, demo.as_ref()).await;
        stack.stop_polling().await;
        return conclude(terminal, &progress?, &clock, demo.as_ref());
    }
    writeln!(
        terminal.talk,
        "{}",
        report::where_to_look(demo.is_some(), args.env_file.as_deref(), page.as_ref().map(Live::address))
    )?;
    if let Some(demo) = &demo {
        writeln!(
            terminal.talk,
            "{}",
            report::how_to_verify(&format!("http://{}", stack.address()), &demo.employee_id)
        )?;
    }
    interrupted().await;
    stack.stop_polling().await;
    writeln!(terminal.talk, "stopped")?;
    Ok(Exit::Done)
}

async fn serve_page(stack: &Stack, clock: &Clock) -> Result<Live, Failure> {
    let page = live::start(stack.ledger().clone(), clock.clone()).await;
    page.map_err(|error| Failure::Trouble(format!("the live page can't be served on loopback: {error}")))
}

async fn start_demo(args: &Local, clock: &Clock) -> Result<Demo, Failure> {
    let moods = Moods { staff: args.staff, latency: args.twilio_latency, chaos: args.chaos, seed: args.seed };
    let demo = Demo::start(&moods, clock.clone(), args.data.as_deref()).await;
    // Whoever tries the two-factor checks has no phone to read the code from.
    let known = |demo: Demo| {
        demo.twilio.change(|settings| settings.verify.code = Some(local::demo::CODE.to_owned()));
        demo
    };
    demo.map(known).map_err(|error| {
        let remedy = "it needs free ports on loopback, and room in TMPDIR, or beside the file that --data names";
        Failure::Usage(format!("the demo can't start: {error}\n  {remedy}"))
    })
}

/// What a trial changes in every tenant: how often it is polled, and what quiet hours take the time to be.
fn adjustment(
    poll_every: Duration,
    quiet: Option<QuietClock>,
    clock: &Clock,
) -> impl Fn(&mut Tenant) + Send + Sync + use<> {
    let started = clock.now();
    move |tenant| {
        tenant.poll.every = poll_every;
        match quiet {
            None => {}
            Some(QuietClock::Off) => tenant.quiet_hours = None,
            // Hours that are moved by the difference hold now just when the true ones hold at the time that was asked for.
            Some(QuietClock::At(pretended)) => {
                if let Some(hours) = &tenant.quiet_hours {
                    tenant.quiet_hours = Some(moved(
                        hours,
                        started.to_zoned_datetime(hours.time_zone.clone()).time(),
                        pretended,
                        &hours.time_zone,
                    ));
                }
            }
        }
    }
}

fn moved(hours: &QuietHours, now: civil::Time, pretended: civil::Time, zone: &TimeZone) -> QuietHours {
    let difference = now.duration_since(pretended);
    QuietHours {
        start: hours.start.wrapping_add(difference),
        end: hours.end.wrapping_add(difference),
        time_zone: zone.clone(),
    }
}

/// Prints where everything listens, and what a second shell needs.
fn announce(
    terminal: &mut Terminal<'_>,
    args: &Local,
    stack: &Stack,
    demo: Option<&Demo>,
    page: Option<&Live>,
) -> Result<(), Failure> {
    for file in stack.ignored_files() {
        writeln!(terminal.talk, "ignored: {file} is no tenant document; name it {{tenant}}.json, of a-z, 0-9 and '-'")?;
    }
    let mut lines = String::new();
    // Writing to a text never fails.
    let _ = writeln!(
        lines,
        "# callbacks are taken at http://{} and signed for {}",
        stack.address(),
        stack.callback_base_url()
    );
    if let Some(demo) = demo {
        lines.push_str(&report::the_demo(&demo.peoplesoft.base_url(), demo.twilio.base_url()));
    }
    if let Some(page) = page {
        let _ = writeln!(lines, "# the live page is at http://{}/", page.address());
    }
    for (name, value) in stack.environment() {
        let _ = writeln!(lines, "export {name}={value}");
    }
    if let Some(file) = &args.env_file {
        std::fs::write(file, &lines)
            .map_err(|error| Failure::Usage(format!("can't write {}: {error}", file.display())))?;
    }
    terminal.data.write_all(lines.as_bytes())?;
    terminal.data.flush()?;
    Ok(())
}

/// Watches until nothing moves any more.
async fn until_still(
    terminal: &mut Terminal<'_>,
    stack: &Stack,
    timing: &Timing,
    clock: &Clock,
    demo: Option<&Demo>,
) -> Result<Progress, Failure> {
    let bar = progress_bar();
    let mut counted: Option<Instant> = None;
    let mut told = Instant::now();
    let mut interrupted = Box::pin(interrupted());
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = &mut interrupted => return Err(Failure::Trouble("interrupted before everything was done".to_owned())),
        }
        // Counting reads the whole ledger: not at every look while a lot is under way.
        let busy = !stack.stream_is_idle() || stack.polls(|polls| polls.count == 0);
        if busy && counted.is_some_and(|at| at.elapsed() < COUNT_EVERY) {
            continue;
        }
        counted = Some(Instant::now());
        let now = clock.now();
        let progress = progress::look(stack, timing, now).await.map_err(|error| Failure::Trouble(error.to_string()))?;
        let states = progress.states(now);
        let settled: usize = states.iter().filter(|(state, _)| state.is_settled()).map(|(_, count)| count).sum();
        let at_twilio =
            demo.map(|demo| format!(", {} accepted at Twilio", demo.twilio.accepted().len())).unwrap_or_default();
        let message = format!("{}{at_twilio}", report::states_in_short(&states));
        bar.set_length(progress.stories.len() as u64);
        bar.set_position(settled as u64);
        bar.set_message(message.clone());
        if bar.is_hidden() && told.elapsed() > Duration::from_secs(5) {
            told = Instant::now();
            writeln!(terminal.talk, "{settled} of {} settled: {message}", progress.stories.len())?;
        }
        if progress.is_still() && demo.is_none_or(|demo| demo.peoplesoft.requests().len() > 1) {
            bar.finish_and_clear();
            return Ok(progress);
        }
    }
}

/// Prints what became of everything, what still waits, and the proof.
fn conclude(terminal: &mut Terminal<'_>, progress: &Progress, clock: &Clock, demo: Option<&Demo>) -> Done {
    let now = clock.now();
    writeln!(terminal.data, "\n{}", report::kinds_and_states(progress, now, terminal.look))?;
    for (name, error) in progress.unusable.iter().chain(&progress.broken) {
        writeln!(terminal.data, "not read: {name}: {error}")?;
    }
    for (name, rows, why) in &progress.bad {
        writeln!(terminal.data, "can't be told: {rows} of the rows of {name}; the last: {why}")?;
    }
    for odd in &progress.odd {
        writeln!(terminal.data, "passed over: {odd}")?;
    }
    for name in &progress.silent {
        writeln!(
            terminal.data,
            "no events: {name}: PeopleSoft has none since it was first asked, or since poll.start_at"
        )?;
    }
    for line in report::waiting(progress) {
        writeln!(terminal.data, "{line}")?;
    }
    for line in report::unsent(progress, now) {
        writeln!(terminal.data, "{line}")?;
    }
    let (mut lines, holds) = match demo {
        Some(demo) => {
            let stories: Vec<_> = progress.stories.iter().map(|(_, story)| story.clone()).collect();
            let proof = proof::prove(&stories, now, &demo.twilio.accepted());
            (report::proof(&proof), proof.holds())
        }
        None => report::proof_without_twilio(progress),
    };
    lines.extend(report::verdict(progress, holds));
    for line in lines {
        writeln!(terminal.data, "{line}")?;
    }
    let in_doubt = progress.stories.iter().filter(|(_, story)| story.standing(now).state == State::Unconfirmed).count();
    if in_doubt > 0 {
        writeln!(
            terminal.data,
            "{in_doubt} unconfirmed: Twilio never said, and the tenant would rather not repeat them"
        )?;
    }
    Ok(Exit::trouble_if(!holds))
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    // The pattern is a constant that the tests build.
    if let Ok(style) = ProgressStyle::with_template(PATTERN) {
        bar.set_style(style);
    }
    bar
}

const PATTERN: &str = "[{elapsed_precise}] {bar:30} {pos}/{len} {msg}";

async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_clocks_are_read() {
        let check = |text: &str, expect: Option<u64>| {
            assert_eq!(duration(text).ok().map(|d| u64::try_from(d.as_millis()).unwrap()), expect, "{text}");
        };
        check("500ms", Some(500));
        check("2s", Some(2000));
        check("30m", Some(1_800_000));
        check("2", None);
        check("-2s", None);
        assert!(ProgressStyle::with_template(PATTERN).is_ok());
        assert!(
            matches!(quiet_clock("off"), Ok(QuietClock::Off))
                && matches!(quiet_clock("12:00"), Ok(QuietClock::At(_)))
                && quiet_clock("noon").is_err()
        );
    }

    #[test]
    fn moved_quiet_hours_hold_now_when_the_true_ones_hold_at_the_pretended_time() {
        let zone = TimeZone::UTC;
        let hours =
            QuietHours { start: civil::time(21, 0, 0, 0), end: civil::time(8, 0, 0, 0), time_zone: zone.clone() };
        let now: jiff::Timestamp = "2026-03-17T23:30:00Z".parse().unwrap();
        let check = |pretended: &str, quiet: bool| {
            let hours = moved(&hours, civil::time(23, 30, 0, 0), pretended.parse().unwrap(), &zone);
            assert_eq!(hours.next_allowed(now, &zone) > now, quiet, "{pretended}");
        };
        check("12:00", false);
        check("22:00", true);
        check("07:59", true);
        check("08:00", false);
    }
}
