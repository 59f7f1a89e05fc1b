//! Cron schedules.

use argo_lang::cron::{Format, Schedule, exclusions};
use argo_lang::go::{time, zone};
use jiff::Zoned;
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use super::lang::text;
use super::lang_govaluate::{golden, judge_json};
use crate::{Ctx, Outcome};

fn at(text: &str, zone_name: &str) -> Result<Zoned, String> {
    let zone = zone::load(zone_name).ok_or_else(|| format!("no zone {zone_name}"))?;
    time::parse(time::RFC3339_NANO, text, &TimeZone::UTC).map(|t| t.with_time_zone(zone))
}

fn following(schedule: &Schedule, from: &Zoned, count: u64) -> Result<Vec<Json>, String> {
    let (mut t, mut out) = (from.clone(), Vec::new());
    for _ in 0..count {
        match schedule.next(&t).map_err(|e| e.to_string())? {
            Some(next) => {
                out.push(json!(time::rfc3339(&next)));
                t = next;
            }
            None => {
                out.push(Json::Null);
                break;
            }
        }
    }
    Ok(out)
}

pub(super) fn cron(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let from = match at(text(case, "/in/after"), text(case, "/in/location")) {
        Ok(from) => from,
        Err(error) => return Outcome::Fail(error),
    };
    let count = case.pointer("/in/n").and_then(Json::as_u64).unwrap_or(1);
    let got = Schedule::parse(text(case, "/in/spec")).map_err(|e| ("parse", e.message)).and_then(|schedule| {
        let next = following(&schedule, &from, count).map_err(|e| ("eval", e))?;
        Ok(match (schedule.fields(), schedule.every()) {
            (Some(f), _) => json!({
                "bits": {
                    "second": format!("{:#x}", f.second), "minute": format!("{:#x}", f.minute), "hour": format!("{:#x}", f.hour),
                    "dom": format!("{:#x}", f.day), "month": format!("{:#x}", f.month), "dow": format!("{:#x}", f.weekday),
                },
                "location": schedule.zone().map_or("UTC", |z| z.iana_name().unwrap_or("UTC")),
                "next": next,
            }),
            (None, every) => json!({"every": time::duration_text(every.unwrap_or(0)), "next": next}),
        })
    });
    judge_json(case, got)
}

pub(super) fn golden_cron(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let got = (|| {
        let from = at(text(case, "/in/at"), text(case, "/in/path"))?;
        let format = Format { descriptors: false, ..Format::STANDARD };
        let schedule = Schedule::parse_as(text(case, "/in/spec"), format).map_err(|e| e.message)?;
        match text(case, "/in/op") {
            "nextcron" => {
                let count = case.pointer("/in/n").and_then(Json::as_u64).unwrap_or(1);
                let found = following(&schedule, &from, count)?;
                // Go gives its zero time where there is none, and goes on from there.
                let none = json!(time::rfc3339(&time::zero()));
                let none_found = found.iter().any(Json::is_null);
                Ok(if none_found { (0..count).map(|_| none.clone()).collect() } else { found.into() })
            }
            _ => match schedule.previous(&from).map_err(|e| e.to_string())? {
                Some(t) => Ok(json!(time::rfc3339(&t))),
                None => Err("no time found".to_owned()),
            },
        }
    })();
    golden(case, got)
}

pub(super) fn golden_exdates(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let lines = case.pointer("/in/deps").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    let dates = lines.map(exclusions).collect::<Result<Vec<_>, _>>().map_err(|e| e.message);
    golden(case, dates.map(|d| d.iter().flatten().map(|t| json!(time::rfc3339(t))).collect()))
}

/// `PrevCronTime`, with times as Go's tests write them, in UTC.
pub(super) fn previous(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let written = |t: &str| {
        // The layouts of the reference's own helper.
        let layouts = ["Mon Jan 2 15:04 2006", "Mon Jan 2 15:04:05 2006", "2006-01-02T15:04:05-0700"];
        layouts.iter().find_map(|layout| time::parse(layout, t, &TimeZone::UTC).ok()).ok_or_else(|| format!("no time: {t}"))
    };
    let format = Format { seconds: true, optional_weekday: true, descriptors: true };
    let got = (|| {
        let from = written(text(case, "/args/t"))?;
        let schedule = Schedule::parse_as(text(case, "/args/spec"), format).map_err(|e| e.message)?;
        schedule.previous(&from).map_err(|e| e.to_string())?.ok_or_else(|| "no time found".to_owned())
    })();
    let fails = case.pointer("/expect/err").and_then(Json::as_bool).unwrap_or(false);
    match (got, fails) {
        (Err(_), true) => Outcome::Pass,
        (Ok(t), true) => Outcome::Fail(format!("gave {t}, expected an error")),
        (Err(error), false) => Outcome::Fail(format!("failed: {error}")),
        (Ok(t), false) => match written(text(case, "/expect/t")) {
            Ok(expected) if expected.timestamp() == t.timestamp() => Outcome::Pass,
            Ok(expected) => Outcome::Fail(format!("gave {t}, expected {expected}")),
            Err(error) => Outcome::Fail(error),
        },
    }
}
