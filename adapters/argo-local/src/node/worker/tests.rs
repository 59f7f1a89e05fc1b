use serde_json::{Value, json};

use super::*;
use crate::node::status::{phase, status};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn worker(spec: Value) -> Worker {
    let pod = json!({"metadata": {"name": "p", "namespace": "d", "uid": "u"}, "spec": spec});
    Worker::new(serde_json::from_value(pod).unwrap(), Vec::new(), at(0))
}

fn main_only(policy: &str) -> Worker {
    worker(json!({"restartPolicy": policy, "containers": [{"name": "main"}]}))
}

fn ended(code: i32, from: i64, to: i64) -> Ended {
    let exit = ExitRecord { code, reason: None, message: None, started_at: None, at: at(to) };
    Ended { exit, started_at: Some(at(from)), last_words: String::new() }
}

/// Volumes are there; what is started is running.
fn run(worker: &mut Worker, now: i64) -> Vec<Action> {
    let mut done = Vec::new();
    loop {
        let actions = worker.advance(at(now));
        if actions.is_empty() {
            return done;
        }
        for action in actions {
            match action {
                Action::Prepare => worker.handle(Input::Prepared(Ok(())), at(now)),
                Action::Start { container, .. } => {
                    worker.handle(Input::Started { container, at: at(now) }, at(now));
                    done.push(action);
                }
                other => done.push(other),
            }
        }
    }
}

fn exit(worker: &mut Worker, container: usize, code: i32, from: i64, now: i64) -> Vec<Action> {
    worker.handle(Input::Exited { container, ended: ended(code, from, now) }, at(now));
    run(worker, now)
}

fn deleted(worker: &Worker, deadline: i64) -> Input {
    let mut pod = worker.pod.clone();
    pod.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(deadline)));
    Input::Pod(Box::new(pod))
}

#[test]
fn init_containers_come_first_and_one_by_one() {
    let mut worker = worker(json!({"restartPolicy": "Never", "containers": [{"name": "main"}, {"name": "wait"}],
        "initContainers": [{"name": "a"}, {"name": "b"}]}));
    assert_eq!(run(&mut worker, 0), [Action::Start { container: 0, attempt: 0 }]);
    assert_eq!(phase(&worker), "Pending");
    assert_eq!(exit(&mut worker, 0, 0, 0, 1), [Action::Start { container: 1, attempt: 0 }]);
    assert_eq!(exit(&mut worker, 1, 0, 1, 2), [Action::Start { container: 2, attempt: 0 }, Action::Start { container: 3, attempt: 0 }]);
    assert_eq!(phase(&worker), "Running");
    exit(&mut worker, 2, 0, 2, 3);
    assert_eq!(phase(&worker), "Running");
    exit(&mut worker, 3, 1, 2, 3);
    assert_eq!((phase(&worker), worker.finished()), ("Failed", true));
}

#[test]
fn restarts_back_off() {
    let mut worker = main_only("Always");
    run(&mut worker, 0);
    assert_eq!(exit(&mut worker, 0, 1, 0, 1), [Action::Start { container: 0, attempt: 1 }], "the first at once");
    assert_eq!(exit(&mut worker, 0, 1, 1, 2), [], "then 10 s");
    let shown = status(&worker, &[], at(2));
    let waiting = shown.container_statuses.unwrap()[0].state.clone().unwrap().waiting.unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("CrashLoopBackOff"));
    assert_eq!(waiting.message.as_deref(), Some("back-off 10s restarting failed container=main pod=p_d(u)"));
    assert_eq!(worker.wake_at(), Some(at(12)));
    assert_eq!(run(&mut worker, 12), [Action::Start { container: 0, attempt: 2 }]);
    exit(&mut worker, 0, 1, 12, 13);
    assert_eq!(worker.wake_at(), Some(at(33)), "then 20 s");
    run(&mut worker, 33);
    assert_eq!(exit(&mut worker, 0, 1, 33, 33 + 600), [Action::Start { container: 0, attempt: 4 }], "forgiven after a long run");
}

#[test]
fn on_failure_only_restarts_failures() {
    let mut worker = main_only("OnFailure");
    run(&mut worker, 0);
    assert_eq!(exit(&mut worker, 0, 1, 0, 1), [Action::Start { container: 0, attempt: 1 }]);
    assert_eq!(exit(&mut worker, 0, 0, 1, 2), []);
    assert_eq!((phase(&worker), worker.finished()), ("Succeeded", true));
}

#[test]
fn deletion_terms_then_kills() {
    let mut worker = main_only("Always");
    run(&mut worker, 0);
    let input = deleted(&worker, 30);
    worker.handle(input, at(0));
    assert_eq!(run(&mut worker, 0), [Action::Terminate { container: 0 }]);
    assert_eq!(worker.wake_at(), Some(at(30)));
    let sooner = deleted(&worker, 5);
    worker.handle(sooner, at(1));
    assert_eq!(run(&mut worker, 1), []);
    assert_eq!(worker.wake_at(), Some(at(5)), "a second deletion shortens the time");
    assert_eq!(run(&mut worker, 5), [Action::Kill { container: 0 }]);
    assert_eq!(exit(&mut worker, 0, 137, 0, 5), [], "and nothing is restarted");
    assert_eq!((phase(&worker), worker.finished()), ("Failed", true));
}

#[test]
fn what_was_being_started_is_ended_once_it_runs() {
    let mut worker = main_only("Never");
    worker.advance(at(0));
    worker.handle(Input::Prepared(Ok(())), at(0));
    assert_eq!(worker.advance(at(0)), [Action::Start { container: 0, attempt: 0 }]);
    worker.handle(Input::Gone, at(1));
    assert_eq!(worker.advance(at(1)), []);
    assert!(!worker.finished());
    worker.handle(Input::Started { container: 0, at: at(1) }, at(1));
    assert_eq!(worker.advance(at(1)), [Action::Terminate { container: 0 }, Action::Kill { container: 0 }]);
}

#[test]
fn deadline_counts_from_the_start_of_the_pod() {
    let mut worker = worker(
        json!({"restartPolicy": "Never", "activeDeadlineSeconds": 60, "terminationGracePeriodSeconds": 5, "containers": [{"name": "main"}]}),
    );
    run(&mut worker, 0);
    assert_eq!(worker.wake_at(), Some(at(60)));
    assert!(run(&mut worker, 60).contains(&Action::Terminate { container: 0 }));
    assert_eq!((phase(&worker), worker.wake_at()), ("Running", Some(at(65))));
    exit(&mut worker, 0, 143, 0, 61);
    let status = status(&worker, &[], at(61));
    assert_eq!((status.phase.as_deref(), status.reason.as_deref()), (Some("Failed"), Some("DeadlineExceeded")));
}

#[test]
fn sidecars_start_before_and_end_after() {
    let mut worker = worker(json!({"restartPolicy": "Never", "containers": [{"name": "main"}],
        "initContainers": [{"name": "one", "restartPolicy": "Always"}, {"name": "two", "restartPolicy": "Always"}]}));
    let started: Vec<_> = (0..3).map(|container| Action::Start { container, attempt: 0 }).collect();
    assert_eq!(run(&mut worker, 0), started);
    assert_eq!(exit(&mut worker, 0, 1, 0, 1), [Action::Start { container: 0, attempt: 1 }], "it is always restarted");
    assert_eq!(exit(&mut worker, 2, 0, 0, 2), [Action::Terminate { container: 1 }], "the last one first");
    assert_eq!(phase(&worker), "Running");
    assert_eq!(exit(&mut worker, 1, 143, 0, 3), [Action::Terminate { container: 0 }]);
    exit(&mut worker, 0, 143, 1, 3);
    assert_eq!((phase(&worker), worker.finished()), ("Succeeded", true));
}

#[test]
fn trouble_passes_or_ends() {
    let mut worker = main_only("Never");
    worker.advance(at(0));
    worker.handle(Input::Prepared(Ok(())), at(0));
    worker.advance(at(0));
    let trouble =
        |passing| Trouble { reason: "CreateContainerConfigError".to_owned(), message: "configmap \"m\" not found".to_owned(), passing };
    worker.handle(Input::NotStarted { container: 0, trouble: trouble(true) }, at(0));
    assert_eq!((worker.advance(at(0)), phase(&worker)), (vec![], "Pending"));
    assert_eq!(worker.advance(at(1)), [Action::Start { container: 0, attempt: 0 }]);
    worker.handle(Input::NotStarted { container: 0, trouble: trouble(false) }, at(1));
    worker.advance(at(1));
    assert_eq!((phase(&worker), worker.finished()), ("Failed", true));
}

#[test]
fn volumes_are_asked_for_again() {
    let mut worker = main_only("Never");
    assert_eq!(worker.advance(at(0)), [Action::Prepare]);
    let trouble = Trouble { reason: "FailedMount".to_owned(), message: String::new(), passing: true };
    worker.handle(Input::Prepared(Err(trouble)), at(0));
    assert_eq!(worker.advance(at(0)), []);
    assert!(worker.wake_at().unwrap() <= at(1));
    assert_eq!(worker.advance(at(1)), [Action::Prepare]);
}

#[test]
fn recovered_runs_are_not_started_again() {
    let spec = json!({"restartPolicy": "Never", "containers": [{"name": "main"}, {"name": "wait"}, {"name": "new"}]});
    let pod = json!({"metadata": {"name": "p", "namespace": "d", "uid": "u"}, "spec": spec});
    let recovered = vec![
        Recovered { container: 0, attempt: 0, outcome: Outcome::Running { since: at(0) } },
        Recovered { container: 1, attempt: 0, outcome: Outcome::Ended(ended(0, 0, 1)) },
    ];
    let mut worker = Worker::new(serde_json::from_value(pod).unwrap(), recovered, at(5));
    assert_eq!(run(&mut worker, 5), [Action::Start { container: 2, attempt: 0 }]);
}

#[test]
fn liveness_restarts_readiness_hides() {
    let probe = json!({"exec": {"command": ["x"]}, "periodSeconds": 1, "failureThreshold": 2, "successThreshold": 1});
    let mut worker = worker(json!({"restartPolicy": "Always", "terminationGracePeriodSeconds": 3,
        "containers": [{"name": "main", "livenessProbe": probe, "readinessProbe": probe}]}));
    let asked = run(&mut worker, 0);
    assert!(asked.contains(&Action::Probe { container: 0, kind: ProbeKind::Readiness, attempt: 0 }), "{asked:?}");
    assert!(!worker.units[0].ready());
    let answer = |worker: &mut Worker, kind, good: bool, now: i64| {
        let answer = if good { Ok(()) } else { Err("no".to_owned()) };
        worker.handle(Input::Probed { container: 0, kind, attempt: 0, answer }, at(now));
        worker.advance(at(now))
    };
    answer(&mut worker, ProbeKind::Readiness, true, 0);
    assert!(worker.units[0].ready());
    assert_eq!(answer(&mut worker, ProbeKind::Liveness, false, 0), []);
    worker.advance(at(1));
    let actions = answer(&mut worker, ProbeKind::Liveness, false, 1);
    assert!(actions.contains(&Action::Terminate { container: 0 }), "{actions:?}");
    assert!(worker.advance(at(4)).contains(&Action::Kill { container: 0 }));
    assert_eq!(exit(&mut worker, 0, 137, 0, 4).first(), Some(&Action::Start { container: 0, attempt: 1 }));
}
