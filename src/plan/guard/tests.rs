//! What the guard lets through, keeps and refuses.

use proptest::prelude::*;

use super::*;
use crate::plan::tests::{inventory, mirror};
use crate::plan::{Known, build};
use crate::snapshot::View;
use crate::verdicts::{MirrorId, RepoId, Standing, Subject};

const REPO_COUNT: usize = 2;

/// An inventory of `count` mirrors in Germany.
fn mirrors(count: usize) -> Inventory {
    inventory((0..count).map(|at| mirror(&format!("m{at}"), Some("DE"))).collect())
}

fn key(arch: &str) -> RepoKey {
    RepoKey { release: "9.8".into(), arch: arch.into(), repo: "baseos".into() }
}

/// Verdicts on the mirrors of `mirrors` over both families: one per mirror, for both repos.
fn known(standings: &[Option<Standing>]) -> Known {
    let repos = [key("x86_64"), key("aarch64")];
    let mut known = Known { verified_at: 1_700_000_000, ..Known::default() };
    for (number, repo) in repos.into_iter().enumerate() {
        known.repos.insert(repo, RepoId(number as u32));
        known.with_truth.insert(RepoId(number as u32));
    }
    for (at, standing) in standings.iter().enumerate() {
        let id = MirrorId(100 - at as u32);
        known.mirrors.insert(format!("m{at}"), id);
        let Some(standing) = *standing else { continue };
        for repo in (0..REPO_COUNT as u32).map(RepoId) {
            for family in Family::ALL {
                known.standings.insert(Subject { mirror: id, repo, family, protocol: Protocol::Http }, standing);
            }
        }
    }
    known
}

/// Of the first `counts[0]` mirrors each is in, of the next `counts[1]` late, of the next `counts[2]` out.
fn standings(counts: [usize; 3]) -> Vec<Option<Standing>> {
    let kinds = [Standing::In, Standing::Late, Standing::Out];
    counts.iter().zip(kinds).flat_map(|(&count, kind)| std::iter::repeat_n(Some(kind), count)).collect()
}

fn view(inventory: &Inventory, goods: &Goods) -> View<Vec<u8>> {
    let view = View::open(build(inventory, goods).unwrap()).unwrap();
    view.check().unwrap();
    view
}

fn judged(inventory: &Inventory, counts: [usize; 3]) -> Goods {
    Goods::judged(inventory, &known(&standings(counts)))
}

fn decision(before: &View<Vec<u8>>, inventory: &Inventory, planned: Goods) -> Decision {
    decide(Some(before), inventory, planned, &Minimums::default(), None)
}

fn names(decision: &Decision) -> Vec<&'static str> {
    decision.refusals.iter().map(Refusal::name).collect()
}

/// Names of the mirrors that a client in Germany gets.
fn answer(view: &View<Vec<u8>>, family: Family) -> Vec<String> {
    let repo = find(view, &key("x86_64")).unwrap();
    let row = Row::Place(view.place("DE".parse().unwrap()).unwrap());
    view.named(&repo, family, row, 0).map(|(index, _)| view.mirror(index).unwrap().name.to_owned()).collect()
}

#[test]
fn verdicts_decide_and_those_behind_come_last() {
    let inventory = mirrors(10);
    let goods = judged(&inventory, [3, 2, 5]);
    assert_eq!((goods.evidence, goods.verified_at), (Evidence::Crawled, 1_700_000_000));
    let few = view(&inventory, &goods);
    assert_eq!(few.verified_at(), Some(1_700_000_000));
    let answer_of_few = answer(&few, Family::Ipv6);
    let mut good = answer_of_few[..3].to_vec();
    good.sort();
    assert_eq!(good, ["m0", "m1", "m2"]);
    assert_eq!(answer_of_few.len(), 5, "those behind fill up");
    let enough = view(&inventory, &judged(&inventory, [8, 2, 0]));
    assert_eq!(answer(&enough, Family::Ipv4).len(), 8, "with enough good ones nobody gets one that is behind");
}

#[test]
fn without_any_verdict_the_operators_word_counts() {
    let inventory = mirrors(3);
    let goods = Goods::judged(&inventory, &Known::default());
    assert_eq!(goods, Goods::unverified(&inventory));
    assert!(goods.repos.values().all(|repo| repo.is_judged));
    let unseen = Goods::judged(&inventory, &known(&[Some(Standing::In), None, None]));
    assert_eq!(answer(&view(&inventory, &unseen), Family::Ipv4), ["m0"], "nobody looked at the others");
}

#[test]
fn a_first_publication_and_a_healthy_one_pass() {
    let inventory = mirrors(20);
    let first = decide(None::<&View<Vec<u8>>>, &inventory, judged(&inventory, [0, 0, 20]), &Minimums::default(), None);
    assert_eq!((first.kept.len(), first.refusals.len()), (0, 0));
    let before = view(&inventory, &judged(&inventory, [20, 0, 0]));
    let planned = judged(&inventory, [12, 0, 8]);
    let healthy = decision(&before, &inventory, planned.clone());
    assert_eq!(healthy, Decision { goods: planned, kept: vec![], refusals: vec![] });
    // The first verdicts may throw out most of what nobody had verified.
    let unverified = view(&inventory, &Goods::unverified(&inventory));
    let crawled = decision(&unverified, &inventory, judged(&inventory, [2, 0, 18]));
    assert_eq!((crawled.kept.len(), crawled.refusals.len()), (0, 0));
}

#[test]
fn too_few_good_mirrors_keep_those_before_behind_them() {
    let inventory = mirrors(12);
    let before = view(&inventory, &judged(&inventory, [6, 0, 6]));
    let decision = decision(&before, &inventory, judged(&inventory, [4, 0, 8]));
    assert_eq!(names(&decision), [""; 0]);
    assert_eq!(decision.kept.len(), REPO_COUNT * 2);
    assert_eq!(decision.kept[0].why, Keep::TooFew { good: 4, before: 6 });
    assert!(decision.kept[0].to_string().starts_with("9.8/aarch64/baseos over ipv4: too few good mirrors"));
    let answer = answer(&view(&inventory, &decision.goods), Family::Ipv4);
    let mut kept = answer[4..].to_vec();
    kept.sort();
    assert_eq!(kept, ["m4", "m5"], "{answer:?}");
}

#[test]
fn in_a_small_inventory_a_bad_mirror_can_leave() {
    let inventory = mirrors(3);
    let before = view(&inventory, &judged(&inventory, [3, 0, 0]));
    let one_left = decision(&before, &inventory, judged(&inventory, [2, 0, 1]));
    assert_eq!((one_left.kept.len(), one_left.refusals.len()), (0, 0));
    let none = decision(&before, &inventory, judged(&inventory, [0, 0, 3]));
    assert_eq!(names(&none), [""; 0]);
    assert_eq!(answer(&view(&inventory, &none.goods), Family::Ipv4).len(), 3, "never an empty list");
}

#[test]
fn losing_more_than_half_at_once_is_refused() {
    let inventory = mirrors(20);
    let before = view(&inventory, &judged(&inventory, [20, 0, 0]));
    assert_eq!(names(&decision(&before, &inventory, judged(&inventory, [10, 0, 10]))), [""; 0]);
    let half = decision(&before, &inventory, judged(&inventory, [9, 0, 11]));
    assert_eq!(names(&half), ["halved"; REPO_COUNT * 2]);
    let told = half.refusals[0].to_string();
    assert!(told.contains("9.8/aarch64/baseos over ipv4, 9 of 20 are left"), "{told}");
    let released = decision(&before, &inventory, judged(&inventory, [1, 19, 0]));
    assert_eq!(names(&released), [""; 0], "after a release most mirrors are behind for a while");
}

#[test]
fn what_the_operators_took_out_is_not_lost_and_does_not_come_back() {
    let inventory = mirrors(20);
    let before = view(&inventory, &judged(&inventory, [20, 0, 0]));
    let mut fewer = inventory.clone();
    fewer.mirrors.truncate(8);
    fewer.mirrors[7].status = crate::inventory::Status::Dead;
    let out = decision(&before, &fewer, judged(&fewer, [2, 0, 6]));
    assert_eq!(names(&out), ["halved"; 4], "of the seven that are left five are bad");
    assert_eq!(answer(&view(&fewer, &out.goods), Family::Ipv4).len(), 7);
    let sound = decision(&before, &fewer, judged(&fewer, [7, 0, 1]));
    assert_eq!((sound.kept.len(), sound.refusals.len()), (0, 0));
    fewer.mirrors.clear();
    assert_eq!(
        names(&decision(&before, &fewer, judged(&fewer, [0, 0, 0]))),
        ["emptied", "emptied", "emptied", "emptied", "repo_map"]
    );
}

#[test]
fn a_master_that_is_away_empties_nothing() {
    let inventory = mirrors(10);
    let before = view(&inventory, &judged(&inventory, [7, 1, 2]));
    let mut away = known(&standings([0, 0, 10]));
    away.with_truth.clear();
    let decision = decision(&before, &inventory, Goods::judged(&inventory, &away));
    assert_eq!(names(&decision), [""; 0]);
    assert!(decision.kept.iter().all(|kept| kept.why == Keep::NotJudged) && decision.kept.len() == REPO_COUNT * 2);
    let after = view(&inventory, &decision.goods);
    assert_eq!(answer(&after, Family::Ipv4), answer(&before, Family::Ipv4));
}

#[test]
fn a_shrunken_map_and_failed_canaries_are_refused() {
    let mut inventory = mirrors(3);
    let repos = &mut inventory.distributions[0].repos;
    let more = (0..20).map(|at| crate::inventory::Repo { name: format!("r{at}"), ..repos[0].clone() });
    let more: Vec<_> = more.collect();
    repos.extend(more);
    let before = view(&inventory, &Goods::unverified(&inventory));
    inventory.distributions[0].repos.truncate(2);
    let shrunk = decision(&before, &inventory, Goods::unverified(&inventory));
    assert_eq!(shrunk.refusals, [Refusal::RepoMap { before: 42, after: 4, least: 20 }]);
    let small = view(&inventory, &Goods::unverified(&inventory));
    inventory.distributions[0].repos.truncate(1);
    let smaller = decision(&small, &inventory, Goods::unverified(&inventory));
    assert_eq!(smaller.refusals, [], "an inventory that never had twenty may take one out");
    let failed = decide(Some(&small), &inventory, Goods::unverified(&inventory), &Minimums::default(), Some("tree x"));
    assert_eq!(names(&failed), ["canary"]);
    assert!(failed.refusals[0].to_string().ends_with("us who are wrong: tree x"));
}

#[test]
fn a_repo_without_any_mirror_names_the_last_good_list_then_the_projects_own_servers() {
    let mut inventory = mirrors(8);
    inventory.mirrors[7].kind = crate::inventory::Kind::Own;
    let before = view(&inventory, &judged(&inventory, [4, 0, 4]));
    // All is bad: those that were good are kept.
    let kept = decision(&before, &inventory, judged(&inventory, [0, 0, 8]));
    let mut named = answer(&view(&inventory, &kept.goods), Family::Ipv4);
    named.sort();
    assert_eq!(named, ["m0", "m1", "m2", "m3"]);
    // Those are gone: the own server is named, though it is bad as well, and nothing is refused for that.
    for mirror in &mut inventory.mirrors[..4] {
        mirror.status = crate::inventory::Status::Disabled;
    }
    let own = decision(&before, &inventory, judged(&inventory, [0, 0, 8]));
    assert_eq!((answer(&view(&inventory, &own.goods), Family::Ipv6), names(&own).len()), (vec!["m7".to_owned()], 0));
    assert!(own.kept.iter().all(|kept| kept.why == Keep::OwnServers) && own.kept.len() == REPO_COUNT * 2);
    // The same without anything that was published before.
    let first = decide(None::<&View<Vec<u8>>>, &inventory, judged(&inventory, [0, 0, 8]), &Minimums::default(), None);
    assert_eq!(answer(&view(&inventory, &first.goods), Family::Ipv4), ["m7"]);
    // Without such a server the publication is refused, because lists would become empty.
    inventory.mirrors[7].kind = crate::inventory::Kind::Direct;
    let refused = decision(&before, &inventory, judged(&inventory, [0, 0, 8]));
    assert_eq!(names(&refused), ["emptied", "emptied", "emptied", "emptied", "repo_map"]);
}

#[test]
fn a_mirror_that_is_not_crawled_is_good_whatever_happens() {
    let mut inventory = mirrors(3);
    inventory.mirrors[2].crawled = false;
    let goods = judged(&inventory, [1, 0, 2]);
    let mut named = answer(&view(&inventory, &goods), Family::Ipv4);
    named.sort();
    assert_eq!(named, ["m0", "m2"], "m1 was looked at and is bad, m2 is not to be looked at");
    // Also where nobody can judge the repo and the mirror is new.
    let mut fewer = inventory.clone();
    fewer.mirrors.pop();
    let before = view(&fewer, &judged(&fewer, [1, 0, 1]));
    let mut known = known(&standings([1, 0, 1]));
    known.with_truth.clear();
    let kept = decision(&before, &inventory, Goods::judged(&inventory, &known));
    let mut named = answer(&view(&inventory, &kept.goods), Family::Ipv4);
    named.sort();
    assert_eq!(named, ["m0", "m2"]);
}

#[test]
fn repos_in_a_vault_count_and_are_not_judged() {
    let mut inventory = mirrors(3);
    let before = view(&inventory, &judged(&inventory, [3, 0, 0]));
    inventory.distributions[0].releases[0].vault = vec!["https://vault/".to_owned()];
    let decision = decision(&before, &inventory, judged(&inventory, [0, 0, 3]));
    assert_eq!((names(&decision).len(), decision.kept.len(), decision.goods.repos.len()), (0, 0, 0));
    assert_eq!(answer(&view(&inventory, &decision.goods), Family::Ipv4), ["vault of d 9.8 #1"]);
}

fn any_standings() -> impl Strategy<Value = Vec<Option<Standing>>> {
    let one = prop_oneof![Just(None), Just(Some(Standing::In)), Just(Some(Standing::Late)), Just(Some(Standing::Out))];
    prop::collection::vec(one, 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the verdicts were and are: what is not refused names somebody wherever somebody was named, names no
    /// mirror twice and none that is disabled, and is the same each time.
    #[test]
    fn no_list_becomes_empty(
        old in any_standings(), new in any_standings(), disabled in 0usize..14, truth in any::<bool>(),
    ) {
        let mut inventory = mirrors(14);
        let before = view(&inventory, &Goods::judged(&inventory, &known(&old)));
        inventory.mirrors[disabled].status = crate::inventory::Status::Disabled;
        let mut known = known(&new);
        if !truth {
            known.with_truth.clear();
        }
        let planned = Goods::judged(&inventory, &known);
        let decision = decision(&before, &inventory, planned.clone());
        prop_assert_eq!(&decision, &super::tests::decision(&before, &inventory, planned));
        let after = view(&inventory, &decision.goods);
        prop_assert_eq!(after.bytes(), &build(&inventory, &decision.goods).unwrap()[..]);
        for family in Family::ALL {
            let mut names = answer(&after, family);
            let was_named = !answer(&before, family).is_empty();
            let is_refused = decision.refusals.iter().any(|one| one.name() == "emptied");
            prop_assert!(!names.is_empty() || !was_named || is_refused);
            let disabled_name = format!("m{disabled}");
            prop_assert!(!names.contains(&disabled_name));
            let count = names.len();
            names.sort();
            names.dedup();
            prop_assert_eq!(names.len(), count);
        }
    }
}

#[test]
fn what_was_expired_is_neither_kept_nor_missed() {
    let inventory = mirrors(10);
    let before = view(&inventory, &judged(&inventory, [10, 0, 0]));
    // Seven of ten are behind: to spare, until the repo is expired.
    let mut known = known(&standings([3, 7, 0]));
    let spared = decision(&before, &inventory, Goods::judged(&inventory, &known));
    assert_eq!((names(&spared), answer(&view(&inventory, &spared.goods), Family::Ipv4).len()), (vec![], 10));
    let late = known.standings.iter().filter(|(_, standing)| **standing == Standing::Late);
    known.expired = late.map(|(subject, _)| *subject).collect();
    let expired = decision(&before, &inventory, Goods::judged(&inventory, &known));
    assert_eq!(names(&expired), [""; 0], "mirrors that are expired are not lost");
    assert_eq!(answer(&view(&inventory, &expired.goods), Family::Ipv4).len(), 3);
}
