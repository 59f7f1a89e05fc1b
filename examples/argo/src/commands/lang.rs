//! `argo lang`: the languages that manifests contain, to be tried.

use std::path::{Path, PathBuf};

use argo_lang::{Env, Value, depends, expr, tags, when};
use clap::{Subcommand, ValueEnum};

use super::print;
use crate::failure::{Code, Failure, Outcome};

/// What to do with a program.
#[derive(Subcommand)]
pub enum Lang {
    /// Run a program and print its value.
    Eval {
        /// Which language.
        language: Language,
        /// The program.
        program: String,
        /// YAML or JSON file: a map of the names that the program may use.
        #[arg(long, value_name = "FILE")]
        env: Option<PathBuf>,
    },
    /// Parse a program and say where it is wrong.
    Check {
        /// Which language.
        language: Language,
        /// The program.
        program: String,
    },
}

/// A language of manifests.
#[derive(Clone, Copy, ValueEnum)]
pub enum Language {
    /// `expression:` and `{{=…}}`.
    Expr,
    /// Text with `{{tags}}`.
    Tags,
    /// `when:` of steps and tasks.
    When,
    /// `depends:` of DAG tasks.
    Depends,
}

/// Runs the command.
pub fn run(command: &Lang) -> Outcome {
    let done = match command {
        Lang::Eval { language, program, env } => read_env(env.as_deref()).and_then(|env| evaluate(*language, program, &env)),
        Lang::Check { language, program } => check(*language, program).map(|()| "ok".to_owned()),
    };
    print(&[done.map_err(|message| Failure::new(Code::Failed, message))?])
}

/// The names of a file, as they are written and as the dotted paths below them.
struct Names(Value);

impl Names {
    fn path(&self, path: &str) -> Option<Value> {
        let Value::Map(map) = &self.0 else { return None };
        if let Some(value) = map.get(path) {
            return Some(value.clone());
        }
        path.split('.').try_fold(self.0.clone(), |value, part| match value {
            Value::Map(map) => map.get(part).cloned(),
            _ => None,
        })
    }
}

impl Env for Names {
    fn get(&self, name: &str) -> Option<Value> {
        self.path(name)
    }
}

impl tags::Scope for Names {
    fn lookup(&self, path: &str) -> Option<Value> {
        self.path(path)
    }
}

fn read_env(file: Option<&Path>) -> Result<Names, String> {
    let Some(file) = file else { return Ok(Names(Value::from(serde_json::json!({})))) };
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let documents = argo_core::yaml::parse_documents(&text).map_err(|e| format!("{}: {e}", file.display()))?;
    let value = documents.into_iter().next().map_or_else(|| serde_json::json!({}), |d| d.value);
    if value.is_object() { Ok(Names(Value::from(value))) } else { Err(format!("{}: a map of names is expected", file.display())) }
}

fn evaluate(language: Language, program: &str, env: &Names) -> Result<String, String> {
    match language {
        Language::Expr => {
            let parsed = expr::Program::parse(program).map_err(|e| e.render(program))?;
            let value = parsed.run(env).map_err(|e| format!("{}\n{}", e.message, e.span.render(program)))?;
            Ok(value.to_json().to_string())
        }
        Language::Tags => {
            let parsed = tags::Template::parse(program).map_err(|e| e.render(program))?;
            parsed.render(env, tags::Policy::RefuseUnknown).map_err(|e| e.to_string())
        }
        Language::When => match when::holds(program) {
            Ok(holds) => Ok(holds.to_string()),
            Err(when::WhenError::Parse(e)) => Err(e.render(program)),
            Err(other) => Err(other.to_string()),
        },
        Language::Depends => {
            let logic = depends::Logic::parse(program).map_err(|e| e.render(program))?;
            let phase = |task: &str| env.path(task).map(|v| v.to_string()).unwrap_or_default();
            let holds = logic.holds(&|task| matches!(phase(task).as_str(), "Succeeded" | "Skipped" | "Daemoned"), &|task, result| {
                phase(task) == format!("{result:?}")
            });
            Ok(holds.to_string())
        }
    }
}

fn check(language: Language, program: &str) -> Result<(), String> {
    match language {
        Language::Expr => expr::Program::parse(program).map(drop).map_err(|e| e.render(program)),
        Language::Tags => tags::Template::parse(program).map(drop).map_err(|e| e.render(program)),
        Language::When => match when::evaluate(program) {
            Err(when::WhenError::Parse(e)) => Err(e.render(program)),
            _ => Ok(()),
        },
        Language::Depends => depends::Logic::parse(program).map(drop).map_err(|e| e.render(program)),
    }
}
