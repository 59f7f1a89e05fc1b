//! How things are shown: colours, tables, times, trees.

pub mod logs;
pub mod screen;
pub mod summary;
pub mod table;
pub mod time;
pub mod tree;

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde::Serialize;

use crate::failure::{Code, Failure, Outcome};

/// What the reader's end can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Colours, and lines drawn again in place.
    pub fancy: bool,
}

impl Look {
    /// What standard output can show: nothing fancy unless it is a terminal and `NO_COLOR` is unset.
    pub fn of_stdout() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) || std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        Self { fancy: std::io::stdout().is_terminal() && !plain }
    }

    /// A text in a colour, where there are colours.
    pub fn paint(self, colour: Option<AnsiColor>, text: &str) -> String {
        match colour {
            Some(colour) if self.fancy => {
                let style = Style::new().fg_color(Some(colour.into()));
                format!("{style}{text}{style:#}")
            }
            _ => text.to_owned(),
        }
    }
}

/// How objects are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    #[value(hide = true)]
    Text,
    /// For people, with more columns.
    Wide,
    /// The name only.
    Name,
    /// The object as JSON.
    Json,
    /// The object as YAML.
    Yaml,
}

impl Output {
    /// Whether people read it, rather than programs.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Wide)
    }
}

/// An object as JSON or YAML; nothing for what people read.
pub fn encode<T: Serialize>(object: &T, output: Output) -> Outcome<Option<String>> {
    let internal = |e: String| Failure::new(Code::Internal, format!("the object cannot be written: {e}"));
    Ok(match output {
        Output::Json => Some(serde_json::to_string_pretty(object).map_err(|e| internal(e.to_string()))? + "\n"),
        Output::Yaml => Some(argo_core::yaml::to_string(object).map_err(|e| internal(e.to_string()))?),
        Output::Text | Output::Wide | Output::Name => None,
    })
}

/// The icon of a phase and its colour, as upstream's command line has them.
pub fn icon(phase: &str) -> (&'static str, Option<AnsiColor>) {
    match phase {
        "Succeeded" => ("✔", Some(AnsiColor::Green)),
        "Failed" => ("✖", Some(AnsiColor::Red)),
        "Error" => ("⚠", Some(AnsiColor::Red)),
        "Running" => ("●", Some(AnsiColor::Cyan)),
        "Skipped" | "Omitted" => ("○", None),
        _ => ("◷", Some(AnsiColor::Yellow)),
    }
}
