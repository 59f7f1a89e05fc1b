//! How many pods each version is to have, where traffic is split by pod counts alone.

use argo_core::meta::IntOrString;
use argo_core::rollouts::{Rollout, RolloutSpec, RolloutStatus};

/// The pods of one version, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `spec.replicas` of its ReplicaSet.
    pub wanted: i64,
    /// `status.availableReplicas` of its ReplicaSet.
    pub available: i64,
}

/// The weight at which all traffic goes to the new version.
pub const FULL_WEIGHT: i64 = 100;

/// How many pods a Rollout is to have: 1 when it does not say.
#[must_use]
pub fn wanted_replicas(spec: &RolloutSpec) -> i64 {
    spec.replicas.unwrap_or(1)
}

/// The share of a whole that a number or a percentage stands for.
fn share(value: Option<&IntOrString>, whole: i64, round_up: bool) -> i64 {
    let percent = |text: &str| -> Option<i64> {
        // A text without `%` is read as a percentage too, as upstream does.
        let percent: i64 = text.trim_end_matches('%').parse().ok()?;
        let hundredfold = percent.saturating_mul(whole);
        Some(if round_up { hundredfold.saturating_add(99).div_euclid(100) } else { hundredfold.div_euclid(100) })
    };
    match value {
        Some(IntOrString::Int(n)) => *n,
        Some(IntOrString::String(text)) => percent(text).unwrap_or(0),
        None => percent("25").unwrap_or(0),
    }
}

/// How many pods there may be above the wanted number. Percentages are rounded up.
#[must_use]
pub fn max_surge(spec: &RolloutSpec) -> i64 {
    let canary = spec.strategy.canary.as_ref();
    share(canary.and_then(|c| c.max_surge.as_ref()), wanted_replicas(spec), true)
}

/// How many of the wanted pods may be unavailable. Percentages are rounded down; 1 when nothing could move otherwise.
#[must_use]
pub fn max_unavailable(spec: &RolloutSpec) -> i64 {
    let wanted = wanted_replicas(spec);
    if wanted == 0 {
        return 0;
    }
    let canary = spec.strategy.canary.as_ref();
    let unavailable = share(canary.and_then(|c| c.max_unavailable.as_ref()), wanted, false);
    if unavailable == 0 && max_surge(spec) == 0 { 1 } else { unavailable.min(wanted) }
}

/// The weight that the steps have reached: that of the last `setWeight` up to the current step.
#[must_use]
pub fn current_weight(spec: &RolloutSpec, status: &RolloutStatus) -> i64 {
    if status.abort {
        return 0;
    }
    let steps = spec.strategy.canary.as_ref().map_or(&[][..], |c| c.steps.as_slice());
    // No index is the first step; no steps are none left.
    let current = usize::try_from(status.current_step_index.unwrap_or(0)).unwrap_or(0);
    if current < steps.len() { steps.iter().take(current + 1).rev().find_map(|s| s.set_weight).unwrap_or(0) } else { FULL_WEIGHT }
}

/// The weight that is wanted now, which is all once there is nothing to compare the new version with.
#[must_use]
pub fn wanted_weight(spec: &RolloutSpec, status: &RolloutStatus) -> i64 {
    if status.promote_full || status.stable_rs.is_empty() || status.current_pod_hash == status.stable_rs {
        FULL_WEIGHT
    } else {
        current_weight(spec, status)
    }
}

/// How many new and stable pods come closest to a weight out of `full`, as upstream chooses them: `(new, stable)`.
///
/// One pod more than `replicas` may be used when `max_surge` allows any. A version with a weight gets at least one pod where that is possible.
#[must_use]
pub fn approximate(replicas: i64, weight: i64, full: i64, max_surge: i64) -> (i64, i64) {
    if replicas == 0 {
        return (0, 0);
    }
    let full = full.max(1);
    let product = i128::from(replicas) * i128::from(weight);
    let whole = i128::from(full);
    let floor = i64::try_from(product.div_euclid(whole)).unwrap_or(replicas);
    let ceil = i64::try_from((product + whole - 1).div_euclid(whole)).unwrap_or(replicas);
    // Exactly between two counts: only the larger one is a candidate.
    let tied = (product.rem_euclid(whole)) * 2 == whole;
    let zero_allowed = weight == 0 || weight == full || (replicas == 1 && max_surge == 0);
    let mut options: Vec<(i64, i64)> = Vec::with_capacity(4);
    let mut consider = |total: i64| {
        if ceil < total || zero_allowed {
            options.push((ceil, total));
        }
        if !tied && (floor != 0 || zero_allowed) {
            options.push((floor, total));
        }
    };
    consider(replicas);
    if max_surge > 0 {
        consider(replicas + 1);
    }
    // Distances as fractions over the same denominators, so that no rounding decides.
    let distance = |(new, total): &(i64, i64)| {
        let off = (i128::from(*new) * whole - i128::from(weight) * i128::from(*total)).abs();
        (off, i128::from(*total))
    };
    let mut best: Option<(i64, i64)> = None;
    for option in options {
        let closer = best.is_none_or(|best| {
            let ((off, total), (best_off, best_total)) = (distance(&option), distance(&best));
            off * best_total < best_off * total
        });
        if closer {
            best = Some(option);
        }
    }
    best.map_or((0, replicas), |(new, total)| (new, total - new))
}

fn drainable(counts: Option<Counts>, ignore_availability: bool) -> i64 {
    counts.map_or(0, |c| if c.wanted < c.available || ignore_availability { c.wanted } else { c.available })
}

/// How many pods the new and the stable version are to have next: `(new, stable)`. The old versions go first, the new and the stable one
/// never have more pods than `maxSurge` allows, and pods are taken away only above what must be available.
///
/// `stable` is `None` when the new version is the stable one.
#[must_use]
pub fn basic_canary(rollout: &Rollout, new: Option<Counts>, stable: Option<Counts>, older: &[Counts]) -> (i64, i64) {
    let spec = &rollout.spec;
    let replicas = wanted_replicas(spec);
    let surge = max_surge(spec);
    let allowed = replicas + surge;
    let both = new.is_some() && stable.is_some();
    let (wanted_new, wanted_stable) =
        if both { approximate(replicas, wanted_weight(spec, &rollout.status), FULL_WEIGHT, surge) } else { (replicas, 0) };
    let mut next_new = new.map_or(0, |c| c.wanted);
    let mut next_stable = if both { stable.map_or(0, |c| c.wanted) } else { 0 };
    let old: i64 = older.iter().map(|c| c.wanted).sum();

    let mut room = allowed - next_new - next_stable - old;
    if both && next_stable < wanted_stable && room > 0 {
        let up = room.min(wanted_stable - next_stable);
        next_stable += up;
        room -= up;
    }
    if new.is_some() && next_new < wanted_new && room > 0 {
        next_new += room.min(wanted_new - next_new);
    }
    if old > 0 {
        return (next_new, next_stable);
    }

    let must_stay = replicas - max_unavailable(spec);
    let growing = new.is_none_or(|c| wanted_new >= c.wanted);
    let above = drainable(new, !growing) + drainable(stable, growing) - must_stay;
    if above <= 0 {
        return (next_new, next_stable);
    }
    if !growing {
        let drained = wanted_new.max(new.map_or(0, |c| c.wanted) - above);
        (next_new, next_stable) = within(new, drained, stable, next_stable, allowed, must_stay);
    } else if both {
        let drained = wanted_stable.max(stable.map_or(0, |c| c.wanted) - above);
        (next_stable, next_new) = within(stable, drained, new, next_new, allowed, must_stay);
    }
    (next_new, next_stable)
}

/// Keeps the drained and the other version within the limits: not more pods together than `allowed`, and not fewer that serve than `must_stay`.
fn within(drain: Option<Counts>, drained: i64, other: Option<Counts>, count: i64, allowed: i64, must_stay: i64) -> (i64, i64) {
    let wished = count;
    let count = wished.min(allowed - drained).max(0);
    let serving = |counts: Option<Counts>, of: i64| counts.map_or(0, |c| c.available.min(of));
    let missing = (must_stay - serving(drain, drained) - serving(other, count)).max(0);
    // What the other version loses of its serving pods to the upper limit, the drained one keeps for now.
    let lost = serving(other, wished) - serving(other, count);
    let kept = (drained + missing.min(lost)).min(drain.map_or(0, |c| c.wanted)).max(drained);
    (kept, count.min((allowed - kept).max(0)))
}
