//! The layout: imports point one way, files stay short, and what is banned stays away.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn rust_files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests") || path.file_name().is_some_and(|name| name == "tests.rs")
}

/// The crates of the workspace that a manifest depends on, development aside.
fn depends_on(manifest: &Path) -> Vec<String> {
    const OURS: &[&str] = &["shared", "poll", "send", "callback", "verify", "local", "connector"];
    let text = fs::read_to_string(manifest).unwrap();
    let section = text.split("[dependencies]").nth(1).unwrap_or_default().split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| OURS.contains(name)).map(str::to_owned).collect()
}

#[test]
fn crates_depend_one_way() {
    let check = |manifest: &str, expect: &[&str]| {
        let mut found = depends_on(&root().join(manifest).join("Cargo.toml"));
        found.sort();
        assert_eq!(found, expect, "{manifest}");
    };
    check("shared", &[]);
    for function in ["poll", "send", "callback", "verify"] {
        check(&format!("functions/{function}"), &["shared"]);
    }
    check("infra/local", &["callback", "poll", "send", "shared", "verify"]);
    check("infra/connector", &["local", "poll", "shared"]);
}

#[test]
fn only_a_main_the_command_and_the_local_stack_choose_the_clock() {
    for folder in ["shared/src", "functions"] {
        for path in rust_files(&root().join(folder)) {
            let chooses =
                fs::read_to_string(&path).unwrap().split("#[cfg(test)]").next().unwrap().contains("Clock::system()");
            assert!(!chooses || is_test(&path) || path.ends_with("main.rs"), "{}", path.display());
        }
    }
}

/// Inside `shared`, a module uses only what lies below it: `phone` <- `peoplesoft`, `twilio` <- `tenant` <- `notification` <-
/// `ledger`.
#[test]
fn modules_of_shared_depend_one_way() {
    const FLOORS: [&[&str]; 7] = [
        &["clock", "gateway", "moment", "pause", "phone", "spelling", "stamp", "telemetry", "timing", "web"],
        &["settings", "template"],
        &["tls"],
        &["peoplesoft", "twilio"],
        &["tenant"],
        &["contacts", "metrics", "notification"],
        &["ledger"],
    ];
    let floor = |module: &str| match module {
        "aws" | "lib" => FLOORS.len(), // what hands all of it to a function
        module => {
            FLOORS.iter().position(|floor| floor.contains(&module)).unwrap_or_else(|| panic!("{module} lies nowhere"))
        }
    };
    let sources = root().join("shared/src");
    for path in rust_files(&sources).iter().filter(|path| !is_test(path)) {
        let place = path.strip_prefix(&sources).unwrap().components().next().unwrap();
        let module = place.as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for other in code.lines().filter(|line| !line.trim().starts_with("//")).flat_map(used) {
            let below = floor(&other) < floor(module);
            assert!(other == module || below, "{} uses crate::{other}", path.display());
        }
    }
}

/// The modules of its own crate that a line of code names: `crate::one::…`, or `crate::{one, other::…}`.
fn used(line: &str) -> Vec<String> {
    let name =
        |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned();
    let named = line.split("crate::").skip(1).flat_map(|after| match after.strip_prefix('{') {
        Some(list) => list.split('}').next().unwrap().split(',').map(|one| name(one.trim())).collect(),
        None => vec![name(after)],
    });
    named.filter(|name| !name.is_empty()).collect()
}

#[test]
fn no_file_asks_for_a_second_noun() {
    for folder in ["shared/src", "functions", "infra"] {
        for path in rust_files(&root().join(folder)) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= 400 || is_test(&path), "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn banned_nouns_and_global_state_stay_away() {
    for folder in ["shared/src", "functions", "infra"] {
        for path in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap();
                for definition in ["struct ", "enum ", "trait ", "mod ", "fn "] {
                    let Some(name) = code.split(definition).nth(1) else { continue };
                    let name = name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_lowercase();
                    for banned in ["manager", "service", "helper", "util", "processor", "handler"] {
                        // Twilio has services of its own.
                        let is_twilios =
                            banned == "service" && path.components().any(|part| part.as_os_str() == "twilio");
                        let stays_away = !name.contains(banned) || is_twilios;
                        assert!(stays_away, "{}:{} defines {name}", path.display(), number + 1);
                    }
                }
                assert!(!code.contains("static mut"), "{}:{}", path.display(), number + 1);
            }
        }
    }
}

/// What is appended stays: only the cursors change, only poll changes them, and the runbook gives nobody else the right to.
#[test]
fn nobody_but_poll_changes_an_item() {
    let check = |folder: &str, never: &[&str], but: &str| {
        for path in rust_files(&root().join(folder)).iter().filter(|path| !is_test(path) && !path.ends_with(but)) {
            let text = fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            assert!(!never.iter().any(|call| code.contains(call)), "{} changes an item", path.display());
        }
    };
    let changes =
        [".update_item(", ".delete_item(", ".batch_write_item(", ".transact_write_items(", ".execute_statement("];
    let of_cursors = [".take_lease(", ".give_lease(", ".first_cursor(", ".hold(", ".move_cursor(", ".store_swept("];
    check("shared/src", &changes, "ledger/cursor.rs");
    check("functions/poll", &changes, "none");
    for folder in ["functions/send", "functions/callback", "functions/verify", "infra/connector/src"] {
        check(folder, &[&changes[..], &of_cursors].concat(), "none");
    }
    let runbook = fs::read_to_string(root().join("infra/README.md")).unwrap();
    assert!(
        !runbook.contains("UpdateItem") && !runbook.contains("DeleteItem"),
        "the runbook lets an operator change items"
    );
}
