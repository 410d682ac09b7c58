//! `signature`: who must have signed commits and tags. Bytes and keys in, a flaw out.

mod armor;
mod cut;
mod flaw;
mod openpgp;
mod push;
mod ssh;

use self::armor::Armor;
use self::cut::Cut;
use self::flaw::Flaw;
pub use self::push::{Checked, PushCert, SIGNED_PUSH};
use crate::model::PrincipalKind;
use crate::policy::findings::Fix;
use crate::policy::ident::Ident;
use crate::policy::object_text::{CommitText, TagText};
use crate::policy::pattern_list::one_or_more;
use crate::policy::people::{Person, read_key};
use crate::policy::pusher::Pusher;
use crate::policy::rules::Check;
use crate::policy::spotted::Spotted;
use crate::strict::{Problem, Span, Table, Value, suggest};
use ssh_key::public::KeyData;

pub const DOC: &str = r#"kind = "signature"
Speaks of added commits and annotated tags that are not signed, or not by a key that counts here.
    by   = ["principal", "sponsor", "any-human", "group:owners"]   # whose SSH keys count
    keys = ["ssh-ed25519 AAAA… dana", "-----BEGIN PGP PUBLIC KEY BLOCK-----…"]   # and these
    what = ["commits", "tags"]      # both, if not given
At least one of `by` and `keys`. `by` means the `keys` of [agent.NAME], [human.NAME] and [ci.NAME]: principal is who
pushes. Who has only certificates in the policy has no key in it that could count. Signatures are those of
`git commit -S` and `git tag -s`: SSH (namespace git; ed25519, ecdsa, rsa with SHA-2, and their forms on a security key)
and OpenPGP (not over SHA-1, MD5 and the like; by a primary key or subkey that is for signing). A key that its
certificate says was revoked never counts. One that ends must have been valid when it signed and at the date of the
commit or tag; both dates are the signer's own word, so take a key that is no longer trusted out of the policy. Several
signatures, one with anything after it, and one that git would read past are refused as unreadable."#;

#[derive(Debug)]
struct SignatureRule {
    by: Vec<Signer>,
    groups: Vec<(String, Span)>,
    ssh_keys: Vec<KeyData>,
    pgp_keys: Vec<openpgp::Key>,
    commits: bool,
    tags: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signer {
    Principal,
    Sponsor,
    AnyHuman,
}

const SIGNERS: [(&str, Signer); 3] =
    [("principal", Signer::Principal), ("sponsor", Signer::Sponsor), ("any-human", Signer::AnyHuman)];

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let before = problems.len();
    let (by, keys) = (table.get("by"), table.get("keys"));
    if by.is_none() && keys.is_none() {
        problems.push(Problem::new(table.span.clone(), "one of the keys `by` and `keys` is missing here"));
    }
    let what = table.get("what");
    let is_told = what.is_some();
    let what: Vec<_> = what.and_then(|v| one_or_more(v, problems)).unwrap_or_default();
    for (word, span) in what.iter().filter(|(word, _)| !["commits", "tags"].contains(word)) {
        let problem = Problem::new(span.clone(), format!("`{}` is not possible here", word.escape_debug()));
        problems.push(problem.help(suggest(word, &["commits", "tags"])));
    }
    let has = |word: &str| !is_told || what.iter().any(|(found, _)| *found == word);
    let (commits, tags) = (has("commits"), has("tags"));
    let mut rule =
        SignatureRule { by: Vec::new(), groups: Vec::new(), ssh_keys: Vec::new(), pgp_keys: Vec::new(), commits, tags };
    by.into_iter().for_each(|v| rule.read_by(v, problems));
    keys.into_iter().for_each(|v| rule.read_keys(v, problems));
    (problems.len() == before).then(|| Box::new(rule) as Box<dyn Check>)
}

impl SignatureRule {
    fn read_by(&mut self, value: Value<'_, '_>, problems: &mut Vec<Problem>) {
        for (word, span) in one_or_more(value, problems).unwrap_or_default() {
            let signer = SIGNERS.iter().find(|(name, _)| *name == word);
            match (signer, word.strip_prefix("group:")) {
                (Some((_, signer)), _) => self.by.push(*signer),
                (None, Some(group)) => self.groups.push((group.to_owned(), span)),
                (None, None) => {
                    let problem = Problem::new(span, format!("`{}` is not possible here", word.escape_debug()));
                    problems.push(problem.help(suggest(word, &["principal", "sponsor", "any-human", "group:NAME"])));
                }
            }
        }
    }

    fn read_keys(&mut self, value: Value<'_, '_>, problems: &mut Vec<Problem>) {
        for (text, span) in one_or_more(value, problems).unwrap_or_default() {
            if text.trim_start().starts_with("-----") {
                match openpgp::read(text.trim()) {
                    Ok(keys) => self.pgp_keys.extend(keys),
                    Err(error) => problems.push(Problem::new(span, error)),
                }
            } else if let Some(key) = read_key(text, span, problems) {
                self.ssh_keys.push(key.key_data().clone());
            }
        }
    }

    /// All SSH keys that count for a push.
    fn allowed<'a>(&'a self, pusher: &Pusher<'a>) -> Vec<&'a KeyData> {
        let mut people: Vec<&Person> = Vec::new();
        for signer in &self.by {
            match signer {
                Signer::Principal => people.extend(pusher.person),
                Signer::Sponsor => people.extend(pusher.sponsor),
                Signer::AnyHuman => {
                    people.extend(pusher.people.everybody().filter(|p| p.principal.kind == PrincipalKind::Human));
                }
            }
        }
        people.extend(self.groups.iter().flat_map(|(group, _)| pusher.people.members(group)));
        people.into_iter().flat_map(|person| &person.keys).chain(&self.ssh_keys).collect()
    }

    /// Whether a key that counts has signed.
    fn verify(&self, cut: &Cut, date: Option<u64>, allowed: &[&KeyData]) -> Result<(), Flaw> {
        let armor = Armor::of_signature(&cut.signature).ok_or(Flaw::OtherFormat)?;
        let blob = armor.decode(&cut.signature)?;
        match armor {
            Armor::Ssh => ssh::verify(&cut.payload, &blob, allowed),
            Armor::OpenPgp | Armor::OpenPgpKey => openpgp::verify(&cut.payload, &blob, date, &self.pgp_keys),
        }
    }

    /// What is wrong with an object, and what can be done.
    fn look(&self, cut: Result<Cut, Flaw>, date: Option<&[u8]>, pusher: &Pusher<'_>) -> Option<(Flaw, bool)> {
        let allowed = self.allowed(pusher);
        let date = date.and_then(Ident::parse).map(|ident| ident.seconds);
        let flaw = cut.and_then(|cut| self.verify(&cut, date, &allowed)).err()?;
        Some((flaw, allowed.is_empty() && self.pgp_keys.is_empty()))
    }

    fn has_own_key(&self, pusher: &Pusher<'_>) -> bool {
        let allowed = self.allowed(pusher);
        pusher.person.is_some_and(|person| person.keys.iter().any(|key| allowed.contains(&key)))
    }

    /// How to sign: with the key of the push if that counts, else with whichever does.
    fn sign(&self, pusher: &Pusher<'_>, command: &str) -> String {
        let key = if self.has_own_key(pusher) { "the key you push with" } else { "a key that counts here" };
        // Without commit.gpgsign a rebase drops the signatures of the commits it makes anew.
        format!(
            "git config gpg.format ssh && git config user.signingkey KEY.pub && git config commit.gpgsign true && \
             {command} (KEY.pub: {key})"
        )
    }
}

impl Check for SignatureRule {
    fn looks_into_objects(&self) -> bool {
        true
    }

    fn groups(&self) -> &[(String, Span)] {
        &self.groups
    }

    fn commit_object(&self, commit: &CommitText<'_>, pusher: &Pusher<'_>, spotted: &mut Spotted<'_>) {
        if !self.commits {
            return;
        }
        if let Some((flaw, is_hopeless)) = self.look(cut::commit(commit.raw), commit.header("committer"), pusher) {
            let fix = match is_hopeless {
                true => Fix::Ask,
                false => Fix::Amend(self.sign(pusher, "git commit --amend --no-edit -S")),
            };
            spotted.add(None, format!("a commit must be signed here: {flaw}"), fix);
        }
    }

    fn tag_object(&self, tag: &TagText<'_>, pusher: &Pusher<'_>, spotted: &mut Spotted<'_>) {
        if !self.tags {
            return;
        }
        if let Some((flaw, is_hopeless)) = self.look(cut::tag(tag.raw), tag.header("tagger"), pusher) {
            let fix = match is_hopeless {
                true => Fix::Ask,
                false => Fix::Text(self.sign(pusher, "git tag -f -s NAME COMMIT")),
            };
            spotted.add(None, format!("a tag must be signed here: {flaw}"), fix);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::TagFacts;
    use crate::policy::testing::*;
    use ssh_key::private::Ed25519Keypair;
    use ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};

    fn pair(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    fn public(seed: u8) -> String {
        pair(seed).public_key().to_openssh().expect("a key")
    }

    /// claude-1 has key 1, its sponsor dana 2, lee 3 and the agent claude-2 key 4.
    fn policy(keys: &str) -> String {
        let who = |kind: &str, name: &str, seed| format!("[{kind}.{name}]\nkeys = \"{}\"\n", public(seed));
        let grant = OPEN.replace("agent.claude-1 = {}", "");
        format!(
            "{}sponsor = \"dana\"\n{}{}{}[group]\nowners = [\"lee\", \"claude-2\"]\n{grant}[rule.r]\nkind = \
             \"signature\"\nthen = \"refuse\"\n{keys}\n",
            who("agent", "claude-1", 1),
            who("human", "dana", 2),
            who("human", "lee", 3),
            who("agent", "claude-2", 4)
        )
    }

    fn sign(seed: u8, payload: &str) -> String {
        let signature = SshSig::sign(&pair(seed), "git", HashAlg::Sha512, payload.as_bytes()).expect("signed");
        signature.to_pem(LineEnding::LF).expect("armored")
    }

    const COMMIT: &str = "tree t\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nm\n";

    fn commit(signature: &str, message: &str) -> String {
        let header = signature.trim_end().replace('\n', "\n ");
        COMMIT.replace("\n\nm\n", &format!("\ngpgsig {header}\n\n{message}\n"))
    }

    fn judge(keys: &str, raw: &str) -> Vec<String> {
        judge_examined(&policy(keys), one(vec![change("a")]), &Memory::default(), raw.as_bytes())
    }

    #[test]
    fn commits_are_signed_by_whom_the_rule_says() {
        let more = format!("keys = [\"{}\"]", public(5));
        let table = [
            ("by = \"principal\"", vec![1]),
            ("by = \"sponsor\"", vec![2]),
            ("by = [\"principal\", \"sponsor\"]", vec![1, 2]),
            ("by = \"any-human\"", vec![2, 3]),
            ("by = \"group:owners\"", vec![3, 4]),
            (more.as_str(), vec![5]),
        ];
        for (keys, allowed) in table {
            for seed in 1..=6 {
                let found = judge(keys, &commit(&sign(seed, COMMIT), "m"));
                let is_unknown = found.iter().any(|f| f.contains("is by SHA256:") && f.contains("not allowed here"));
                assert_eq!(
                    (found.is_empty(), is_unknown),
                    (allowed.contains(&seed), !allowed.contains(&seed)),
                    "{keys} {seed} {found:?}"
                );
            }
        }
    }

    #[test]
    fn a_signature_that_is_not_just_that_is_refused() {
        let (good, rule) = (sign(1, COMMIT), "by = \"principal\"");
        let twice =
            commit(&good, "m").replacen("\n\nm", &format!("\ngpgsig {}\n\nm", good.trim_end().replace('\n', "\n ")), 1);
        let table = [
            (COMMIT.to_owned(), "it is not signed"),
            (twice, "it has more than one signature"),
            (commit(&good, "other"), "its signature is not over this object"),
            (commit(&format!("{good}x"), "m"), "its signature cannot be read: something comes after it"),
            (commit(&good.replacen('\n', "\nAAAA", 1), "m"), "its signature cannot be read: it is no SSH signature"),
            (commit("-----BEGIN SIGNED MESSAGE-----", "m"), "its signature is neither an SSH nor an OpenPGP signature"),
            (commit("", "m"), "its signature is neither an SSH nor an OpenPGP signature"),
        ];
        for (raw, expected) in table {
            assert_eq!(judge(rule, &raw), [format!("refuse r a commit must be signed here: {expected}")], "{raw}");
        }
        assert_eq!(judge(rule, &commit(&good, "m")), [""; 0]);
    }

    #[test]
    fn tags_are_signed_at_their_end() {
        let payload = "object o\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nm\n";
        let found = |keys: &str, raw: String| {
            let mut facts = one(vec![change("a")]);
            facts.updates[0].tags.push(TagFacts {
                id: id(30),
                name: "v1".into(),
                message: "m\n".into(),
                has_tagger: true,
                raw: raw.into(),
                sightings: Vec::new(),
            });
            let found = judge_examined(&policy(keys), facts, &Memory::default(), b"");
            found.into_iter().filter(|f| f.starts_with("refuse r ")).collect::<Vec<_>>()
        };
        let rule = "by = \"principal\"\nwhat = \"tags\"";
        assert_eq!(found(rule, format!("{payload}{}", sign(1, payload))), [""; 0]);
        assert_eq!(found(rule, payload.to_owned()), ["refuse r a tag must be signed here: it is not signed"]);
        assert_eq!(found(rule, format!("{payload}{}", sign(2, payload))).len(), 1);
        assert_eq!(found(rule, format!("{payload}x\n{}", sign(1, payload))).len(), 1);
        assert_eq!(found("by = \"principal\"\nwhat = \"commits\"", payload.to_owned()), [""; 0]);
    }

    #[test]
    fn the_fix_says_how_to_sign_and_with_what() {
        let fix = |keys: &str| {
            let fixes = examined_fixes(&policy(keys), one(vec![change("a")]), &Memory::default(), COMMIT.as_bytes());
            fixes.into_iter().next().unwrap_or_default()
        };
        let command = "git config gpg.format ssh && git config user.signingkey KEY.pub && git config commit.gpgsign true \
                       && git commit --amend --no-edit -S";
        assert_eq!(fix("by = \"principal\""), format!("{command} (KEY.pub: the key you push with), push again"));
        assert_eq!(fix("by = \"sponsor\""), format!("{command} (KEY.pub: a key that counts here), push again"));
    }
}
