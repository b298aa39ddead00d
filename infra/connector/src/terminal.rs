//! Where a command's words go: data to stdout, talk to stderr, and answers from stdin. Knows whether people or programs
//! read them; never decides what is said.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, BufRead, IsTerminal as _, Write};
use std::time::Duration;

/// The three streams and what is known of who reads them.
pub struct Terminal<'a> {
    /// stdout.
    pub data: &'a mut dyn Write,
    /// stderr.
    pub talk: &'a mut dyn Write,
    /// stdin.
    pub answers: &'a mut dyn BufRead,
    /// How what goes to `data` looks.
    pub look: Look,
    /// Whether somebody watches `talk`, so that progress is worth showing.
    pub watched: bool,
}

/// How printed data looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Whether there may be colour: only on a terminal.
    pub colour: bool,
    /// Columns of the terminal, if it is one; nothing is wrapped otherwise.
    pub width: Option<u16>,
}

impl Look {
    /// The look of this process's stdout.
    pub fn of_stdout() -> Self {
        Self { colour: io::stdout().is_terminal(), width: comfy_table::Table::new().width() }
    }

    /// The text in bold, where that can be seen.
    pub fn bold(self, text: &str) -> String {
        if self.colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

impl Terminal<'_> {
    /// A line of talk.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.talk, "{text}")
    }

    /// A line, or several, of data.
    pub fn print(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.data, "{text}")
    }

    /// An object of data, on a line of its own.
    pub fn print_json(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *self.data, value)?;
        writeln!(self.data)
    }

    /// Something that turns while work of unknown length is done; invisible unless somebody watches. Gone when it is
    /// finished and cleared.
    pub fn spinner(&self, what: &'static str) -> ProgressBar {
        if !self.watched {
            return ProgressBar::hidden();
        }
        let spinner = ProgressBar::new_spinner().with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {human_pos} ({elapsed})") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(100));
        spinner
    }

    /// The same for work of known length.
    pub fn bar(&self, what: &'static str, length: usize) -> ProgressBar {
        if !self.watched {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(length as u64).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len} ({eta} left)") {
            bar.set_style(style);
        }
        bar
    }
}
