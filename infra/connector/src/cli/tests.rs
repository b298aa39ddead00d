use super::*;
use clap::CommandFactory as _;
use std::fmt::Write as _;

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

/// Everything that `--help` says, command by command, in one page.
#[test]
fn help() {
    fn walk(command: &mut clap::Command, path: &str, page: &mut String) {
        let path = format!("{path} {}", command.get_name()).trim().to_owned();
        writeln!(page, "=== {path} --help ===\n\n{}\n", command.render_long_help().to_string().trim_end()).unwrap();
        for below in command.get_subcommands_mut() {
            if below.get_name() != "help" {
                walk(below, &path, page);
            }
        }
    }
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut page = String::new();
    walk(&mut command, "", &mut page);
    insta::assert_snapshot!(page);
}

#[test]
fn every_command_has_an_example() {
    fn walk(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        let below: Vec<_> = command.get_subcommands().filter(|below| below.get_name() != "help").collect();
        if below.is_empty() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Examples:"), "{path}");
        }
        for below in below {
            walk(below, &path);
        }
    }
    walk(&Cli::command(), "");
}

#[test]
fn examples_can_be_typed() {
    fn walk(command: &clap::Command, examples: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().filter_map(|line| line.trim().strip_prefix("connector "));
        examples.extend(lines.map(str::to_owned));
        command.get_subcommands().for_each(|below| walk(below, examples));
    }
    let mut examples = Vec::new();
    walk(&Cli::command(), &mut examples);
    assert!(examples.len() > 15, "{examples:?}");
    for example in examples {
        // What follows three blanks, `>` or `|` is for the shell or the reader.
        let line =
            example.split("   ").next().unwrap().split([' ']).take_while(|word| !matches!(*word, ">" | "||" | "|"));
        let mut words = vec!["connector".to_owned()];
        let mut quoted: Option<String> = None;
        for word in line {
            match (&mut quoted, word.strip_prefix('\'')) {
                (None, Some(rest)) => quoted = Some(rest.to_owned()),
                (None, None) => words.push(word.to_owned()),
                (Some(text), _) => {
                    text.push(' ');
                    text.push_str(word);
                }
            }
            if let Some(text) = quoted.as_ref().and_then(|text| text.strip_suffix('\'')) {
                words.push(text.to_owned());
                quoted = None;
            }
        }
        if let Err(error) = Cli::try_parse_from(&words) {
            panic!("{words:?}: {error}");
        }
    }
}

#[test]
fn a_beginning_is_an_age_or_an_instant() {
    let check = |text: &str, expect: Option<Since>| assert_eq!(Since::parse(text).ok(), expect, "{text:?}");
    let ago = |seconds| Some(Since::Ago(Duration::from_secs(seconds)));
    check("90s", ago(90));
    check("30m", ago(1800));
    check("2h", ago(7200));
    check("3d", ago(259_200));
    check("2w", ago(1_209_600));
    check("2026-03-17T00:00:00Z", Some(Since::At("2026-03-17T00:00:00Z".parse().unwrap())));
    check("2026-03-17T00:00:00-05:00", Some(Since::At("2026-03-17T05:00:00Z".parse().unwrap())));
    check("", None);
    check("h", None);
    check("-2h", None);
    check("2 hours", None);
    check("2026-03-17", None);
    check("99999999999999999999d", None);
    let now = "2026-03-17T00:00:00Z".parse().unwrap();
    assert_eq!(Since::Ago(Duration::from_secs(u64::MAX)).instant(now), Timestamp::MIN);
}

#[test]
fn wrong_words_are_refused_with_the_right_ones() {
    let check = |words: &[&str], expect: &str| {
        let error = Cli::try_parse_from(std::iter::once(&"connector").chain(words)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{words:?}");
        assert!(error.to_string().contains(expect), "{words:?}: {error}");
    };
    check(&["audit", "list", "st-lukes", "--state", "lost"], "possible values: suppressed, held");
    check(&["audit", "show", "st-lukes", "abc"], "13 and 16 characters");
    check(&["audit", "list", "St.Lukes"], "is no tenant id");
    check(&["replay", "st-lukes"], "<NOTIFICATION>");
    check(&["audit", "list", "st-lukes", "--since", "yesterday"], "use 30m, 2h, 3d");
}
