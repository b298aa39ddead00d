//! Tables for people: no borders, one line per row where the terminal is wide enough, and only the columns that may wrap
//! do.

use crate::terminal::Look;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};
use shared::notification::State;

/// Renders rows under a header. `flexible` are the columns that wrap when the terminal is too narrow; the others keep
/// their width, so that an id stays in one piece.
pub fn render(header: &[&str], rows: Vec<Vec<Cell>>, flexible: &[usize], look: Look) -> String {
    const LEAST: u16 = 16;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if look.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)).collect::<Vec<_>>());
    table.add_rows(rows);
    table.set_content_arrangement(ContentArrangement::Disabled);
    if let Some(width) = look.width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        column.set_constraint(if flexible.contains(&i) && look.width.is_some() {
            ColumnConstraint::LowerBoundary(Width::Fixed(LEAST))
        } else {
            ColumnConstraint::ContentWidth
        });
    }
    table.trim_fmt()
}

/// A state in its colour.
pub fn state(state: State) -> Cell {
    let cell = Cell::new(state);
    match state {
        State::Delivered => cell.fg(Color::Green),
        State::Failed | State::Undelivered => cell.fg(Color::Red),
        State::Held | State::InDoubt | State::Deferred | State::Unconfirmed | State::Expired => cell.fg(Color::Yellow),
        State::Accepted | State::Sending | State::Pending | State::Scheduled => cell.fg(Color::Cyan),
        State::Suppressed | State::Cancelled | State::DryRun => cell,
    }
}
