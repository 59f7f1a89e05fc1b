//! Programs that a few well-known images of the examples bring along, for a node whose images are the host's programs.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Names of the programs.
pub(crate) const NAMES: [&str; 3] = ["cowsay", "argosay", "hello-world"];

/// Runs one of them; nothing where there is none of that name.
pub(super) fn run(name: &str, args: &[String]) -> Option<ExitCode> {
    let result = match name {
        "cowsay" => print(&cow(&args.join(" "))),
        "argosay" => return Some(argosay(args)),
        "hello-world" => print("\nHello from the local node!\nThis message shows that pods run as processes of this machine.\n\n"),
        "true" => Ok(()),
        _ => return None,
    };
    Some(ExitCode::from(u8::from(result.is_err())))
}

fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Breaks text into lines of at most 39 columns, as the original does.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count().saturating_add(word.chars().count()) < 39 {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn cow(text: &str) -> String {
    let lines = wrap(text);
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    let last = lines.len().saturating_sub(1);
    let mut out = format!(" {}\n", "_".repeat(width.saturating_add(2)));
    for (index, line) in lines.iter().enumerate() {
        let (left, right) = match index {
            _ if last == 0 => ('<', '>'),
            0 => ('/', '\\'),
            _ if index == last => ('\\', '/'),
            _ => ('|', '|'),
        };
        out.push_str(&format!("{left} {line:width$} {right}\n"));
    }
    out.push_str(&format!(" {}\n", "-".repeat(width.saturating_add(2))));
    out.push_str(concat!(
        "        \\   ^__^\n",
        "         \\  (oo)\\_______\n",
        "            (__)\\       )\\/\\\n",
        "                ||----w |\n",
        "                ||     ||\n",
    ));
    out
}

/// The tool of the argosay image: `echo [text [file]]`, `cat file…`, `sleep duration`, `exit [code]`.
fn argosay(args: &[String]) -> ExitCode {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        [] | ["echo"] => print("hello argo\n").map_err(|error| error.to_string()),
        ["echo", text] => print(&format!("{text}\n")).map_err(|error| error.to_string()),
        ["echo", text, file] => write(text, Path::new(file)).map_err(|error| format!("{file}: {error}")),
        ["cat", files @ ..] => files.iter().try_for_each(|file| {
            let text = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
            std::io::stdout().write_all(&text).map_err(|error| error.to_string())
        }),
        ["sleep", time] => match duration(time) {
            Some(time) => {
                std::thread::sleep(time);
                Ok(())
            }
            None => Err(format!("{time:?} is not a duration such as 2s or 100ms")),
        },
        ["exit"] => Ok(()),
        ["exit", code] => match code.parse::<u8>() {
            Ok(code) => return ExitCode::from(code),
            Err(_) => Err(format!("{code:?} is not an exit code")),
        },
        _ => Err("usage: argosay echo [TEXT [FILE]] | cat FILE... | sleep DURATION | exit [CODE]".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn write(text: &str, file: &Path) -> std::io::Result<()> {
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(file, text)
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
    let number: f64 = number.parse().ok()?;
    let unit = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line() {
        let said = cow("hello world");
        assert!(said.starts_with(" _____________\n< hello world >\n -------------\n"), "{said}");
    }

    #[test]
    fn many_lines() {
        let said = cow(&"word ".repeat(20));
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines[1].starts_with("/ word") && lines[2].starts_with("| word") && lines[3].starts_with("\\ word"), "{said}");
    }

    #[test]
    fn durations() {
        assert_eq!(duration("100ms"), Some(Duration::from_millis(100)));
        assert_eq!(duration("2"), Some(Duration::from_secs(2)));
        assert_eq!(duration("x"), None);
    }
}
