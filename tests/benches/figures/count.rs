//! How many instructions a text and a callback take in user space, as callgrind counts them: a figure that no other load on the
//! machine changes. Needs valgrind; without it there is nothing to count with, and that is said.
//!
//! Where they go is in the files that it names: `callgrind_annotate FILE`, for a binary with symbols
//! (`cargo rustc --release -p send --bin send -- -C strip=none`, then `--as-built`).

use crate::far_end::FarEnd;
use crate::lambda::{Lambda, binary};
use crate::{callback, send};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// In a process that has only begun, and in one that has been about it for longer: the difference is the price of the rest.
const FEW: usize = 100;
const MANY: usize = 400;

/// Counts both.
pub async fn measure() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("  not counted: there is no valgrind on this machine");
        return;
    }
    for function in ["send", "callback"] {
        let (few, many) = (run(function, FEW).await, run(function, MANY).await);
        let each = (instructions(&many) - instructions(&few)) / (MANY - FEW) as f64;
        println!("  {function:8} {:.0} thousand instructions each: {}", each / 1e3, many.display());
    }
}

/// Runs a function for so many messages, and answers where callgrind has written what it counted.
async fn run(function: &str, messages: usize) -> PathBuf {
    let counted = binary(function).with_file_name(format!("callgrind.{function}.{messages}"));
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet", &format!("--callgrind-out-file={}", counted.display())]);
    command.arg(binary(function));
    let far_end = FarEnd::start(Duration::ZERO, 0).await;
    let mut lambda = Lambda::start_as(command, function, &far_end).await;
    if function == "send" {
        for number in 0..messages / FEW {
            lambda.invoke(send::batch(number, FEW)).await;
        }
    } else {
        for number in 0..messages {
            lambda.invoke(callback::callback(number)).await;
        }
    }
    lambda.end();
    counted
}

/// The sum in a file of callgrind's.
fn instructions(counted: &Path) -> f64 {
    let file = fs::read_to_string(counted).unwrap();
    let totals = file.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    totals.unwrap().trim().parse().unwrap()
}
