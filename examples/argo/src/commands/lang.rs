//! `argo lang`: the languages that manifests contain, to be tried.

use std::path::{Path, PathBuf};

use argo_lang::go::{strftime, time};
use argo_lang::{
    Budget, Env, ParseError, RunError, Span, Value, cron, depends, expr, gjson, glob, gotemplate, govaluate, jq, jsonpath, lua, sjson,
    tags, when,
};
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
    /// `when` of cron workflows: conditions with parameters.
    Govaluate,
    /// `depends:` of DAG tasks.
    Depends,
    /// Go templates with sprig.
    Template,
    /// kubectl's JSONPath templates.
    Jsonpath,
    /// Paths into JSON texts.
    Gjson,
    /// Paths at which JSON texts are changed: the environment has `document` and `value`.
    Sjson,
    /// jq filters.
    Jq,
    /// Schedules: the next times after `after` (RFC 3339) of the environment.
    Cron,
    /// Lua scripts.
    Lua,
    /// Names with wildcards: the environment has `text`.
    Glob,
    /// Formats of times with `%`: the environment has `time`.
    Strftime,
    /// Durations such as `1h30m`.
    Duration,
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

/// Names of the environment as the document that a path or filter reads.
fn document(env: &Names) -> Value {
    env.0.clone()
}

fn text(env: &Names, name: &str) -> Result<String, String> {
    env.path(name).map(|v| v.to_string()).ok_or_else(|| format!("the environment must have {name:?} (--env FILE)"))
}

fn instant(text: &str) -> Result<jiff::Zoned, String> {
    time::parse(time::RFC3339_NANO, text, &jiff::tz::TimeZone::UTC)
}

fn evaluate(language: Language, program: &str, env: &Names) -> Result<String, String> {
    let budget = Budget::default();
    let misread = |e: ParseError| e.render(program);
    let failed = |e: RunError| e.render(program);
    Ok(match language {
        Language::Expr => {
            let value = expr::Program::parse(program).map_err(misread)?.run(env, &budget).map_err(failed)?;
            value.to_json().to_string()
        }
        Language::Tags => {
            let template = tags::Template::parse(program).map_err(misread)?;
            template.render(env, tags::Policy::RefuseUnknown).map_err(|e| e.render(program))?
        }
        Language::When => when::holds(program).map_err(|e| e.render(program))?.to_string(),
        Language::Govaluate => {
            let parsed = govaluate::Program::parse(program, &|_: &str| None).map_err(misread)?;
            parsed.run(env, &budget).map_err(failed)?.to_json().to_string()
        }
        Language::Depends => {
            let logic = depends::Logic::parse(program).map_err(misread)?;
            let phase = |task: &str| env.path(task).map(|v| v.to_string()).unwrap_or_default();
            let done = |task: &str| matches!(phase(task).as_str(), "Succeeded" | "Skipped" | "Daemoned");
            logic.holds(&done, &|task, result| phase(task) == format!("{result:?}")).to_string()
        }
        Language::Template => gotemplate::Program::parse(program).map_err(misread)?.run(&document(env), env, &budget).map_err(failed)?,
        Language::Jsonpath => {
            let parsed = jsonpath::Program::parse(program).map_err(misread)?;
            parsed.run(&document(env), jsonpath::Missing::Error, &budget).map_err(failed)?
        }
        Language::Gjson => gjson::get(&document(env).to_json().to_string(), program, &budget).map_err(failed)?.raw().into_owned(),
        Language::Sjson => {
            let value = env.path("value").unwrap_or_default();
            let document = env.path("document").unwrap_or_else(|| Value::from(serde_json::json!({})));
            sjson::set(&document.to_json().to_string(), program, &value, &budget).map_err(failed)?
        }
        Language::Jq => {
            let values = jq::Program::parse(program).map_err(misread)?.run(&document(env), env, &budget).map_err(failed)?;
            values.iter().map(jq::text).collect::<Vec<_>>().join("\n")
        }
        Language::Cron => {
            let schedule = cron::Schedule::parse(program).map_err(misread)?;
            let mut at = instant(&text(env, "after")?)?;
            let mut lines = Vec::new();
            for _ in 0..5 {
                let Some(next) = schedule.next(&at).map_err(|e| e.to_string())? else { break };
                lines.push(time::rfc3339(&next));
                at = next;
            }
            lines.join("\n")
        }
        Language::Lua => {
            let globals: Vec<(String, Value)> = match document(env) {
                Value::Map(map) => map.iter().map(|(k, v)| (k.to_string(), v.clone())).collect(),
                _ => Vec::new(),
            };
            let globals: Vec<(&str, Value)> = globals.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
            let script = lua::Program::parse(program).map_err(misread)?;
            let values = script.run(&globals, lua::Libraries::Open, env, &budget).map_err(failed)?;
            values.iter().map(|v| v.to_json().to_string()).collect::<Vec<_>>().join("\n")
        }
        Language::Glob => glob::Pattern::parse(program, &[]).map_err(misread)?.matches(&text(env, "text")?).to_string(),
        Language::Strftime => strftime::format(&instant(&text(env, "time")?)?, program),
        Language::Duration => time::duration_text(duration(program)?),
    })
}

fn duration(program: &str) -> Result<i64, String> {
    time::parse_duration(program)
        .map_err(|e| ParseError::new(e, Span::whole(program)).expecting("a duration such as 1h30m").render(program))
}

fn check(language: Language, program: &str) -> Result<(), String> {
    let misread = |e: ParseError| e.render(program);
    match language {
        Language::Expr => expr::Program::parse(program).map(drop).map_err(misread),
        Language::Tags => tags::Template::parse(program).map_err(misread)?.check().map_err(misread),
        Language::When => when::parse(program).map(drop).map_err(|e| e.render(program)),
        Language::Govaluate => govaluate::Program::parse(program, &|_: &str| None).map(drop).map_err(misread),
        Language::Depends => depends::Logic::parse(program).map(drop).map_err(misread),
        Language::Template => gotemplate::Program::parse(program).map(drop).map_err(misread),
        Language::Jsonpath => jsonpath::Program::parse(program).map(drop).map_err(misread),
        Language::Jq => jq::Program::parse(program).map(drop).map_err(misread),
        Language::Cron => cron::Schedule::parse(program).map(drop).map_err(misread),
        Language::Lua => lua::Program::parse(program).map(drop).map_err(misread),
        Language::Glob => glob::Pattern::parse(program, &[]).map(drop).map_err(misread),
        Language::Duration => duration(program).map(drop),
        // Every text is a path or a format.
        Language::Gjson | Language::Sjson | Language::Strftime => Ok(()),
    }
}
