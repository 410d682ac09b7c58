#!/bin/sh
# Verifies that a commit came through the gate, with git (2.34), openssl (3.0), ssh-keygen and jq (1.6) alone.
#
#   verify.sh --trust refgate.trust.json --ref refs/heads/main [option...] [COMMIT]
#
#   --repo NAME        which repository of the trust file, if it has several
#   --remote REMOTE    where to fetch the notes from (default: origin)
#   --notes-ref REF    which ref of the remote has the notes (default: refs/notes/refgate)
#   --notes REV        a notes commit that is here already; nothing is fetched
#   --max-age SECONDS  refuse what was decided longer ago
#
# Exit status: 0 proven, 1 not proven, 2 cannot check. Works in a shallow clone, and is offline but for the fetch.
# The trust file (`refgate trust export --out DIR` at the gate) must come from outside the tree under test, and so must
# this script.
set -eu
export LC_ALL=C GIT_NO_REPLACE_OBJECTS=1
umask 077

# What cannot be checked is not proven: only the last line makes it 0.
status=2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"; exit "$status"' EXIT

cannot() { echo "verify.sh: cannot check: $*" >&2; exit; }
refuse() { echo "verify.sh: not proven: $*" >&2; status=1; exit; }

trust= ref= repo= remote=origin notes_ref=refs/notes/refgate notes= max_age=null
while test $# -gt 0; do
	case $1 in
	--trust | --ref | --repo | --remote | --notes-ref | --notes | --max-age)
		test $# -ge 2 || cannot "$1 needs a value"
		case $1 in
		--trust) trust=$2 ;;
		--ref) ref=$2 ;;
		--repo) repo=$2 ;;
		--remote) remote=$2 ;;
		--notes-ref) notes_ref=$2 ;;
		--notes) notes=$2 ;;
		--max-age) max_age=$2 ;;
		esac
		shift 2
		;;
	--) shift; break ;;
	-*) cannot "unknown option $1" ;;
	*) break ;;
	esac
done
test $# -le 1 || cannot "more than one commit"
test -n "$trust" || cannot "--trust is missing"
# To jq, it must be a file's name.
case $trust in -*) trust=./$trust ;; esac
case $ref in refs/*) ;; *) cannot "--ref is a full name, such as refs/heads/main" ;; esac
case $notes_ref in refs/*) ;; *) cannot "--notes-ref is a full name, such as refs/notes/refgate" ;; esac
case $max_age in null) ;; '' | *[!0-9]*) cannot "--max-age is a number of seconds" ;; esac
for program in git openssl ssh-keygen jq; do
	command -v "$program" >/dev/null 2>&1 || cannot "$program is not installed"
done
openssl pkeyutl -help 2>&1 | grep -q rawin || cannot "this openssl is older than 3.0"

jq -es 'length == 1 and .[0].version == 1' "$trust" >"$tmp/version" 2>&1 || cannot "$trust is no trust file of version 1"
resource=$(jq -er --arg repo "$repo" \
	'.repos | if $repo != "" then .[$repo] elif length == 1 then .[] else null end' "$trust") ||
	cannot "the trust file has no such repository, or several: say which one with --repo"
keys=$(jq '.verifiers | length' "$trust")
key=0
while test "$key" -lt "$keys"; do
	jq -r ".verifiers[$key].key" "$trust" >"$tmp/key.$key"
	key=$((key + 1))
done

# A repository that lies as files in the tree under test must not do; those cannot have a .git.
git() { command git -c safe.bareRepository=explicit "$@"; }
if test -z "${GIT_DIR:-}"; then
	top=$(git rev-parse --show-toplevel 2>/dev/null) && test -e "$top/.git" &&
		test "$(git rev-parse --absolute-git-dir)" = "$(git -C "$top" rev-parse --absolute-git-dir)" ||
		cannot "this is no work tree of a git repository; of a bare one, GIT_DIR says where it is"
fi

rev=${1:-HEAD}
commit=$(git rev-parse --verify --quiet --end-of-options "$rev^{commit}") || cannot "there is no commit $rev here"
tree=$(git rev-parse --verify --quiet --end-of-options "$commit^{tree}") || cannot "the tree of $rev is not here"

# The notes, as they are now. Fetched to FETCH_HEAD: a shallow fetch into a ref that exists would fail.
if test -z "$notes"; then
	found=0
	git ls-remote --exit-code "$remote" "$notes_ref" >/dev/null 2>"$tmp/error" || found=$?
	case $found in
	0) ;;
	2) refuse "$remote has no $notes_ref" ;;
	*) cannot "$remote cannot be reached" ;;
	esac
	git fetch --quiet --depth=1 --no-tags "$remote" "$notes_ref" || cannot "the notes cannot be fetched"
	notes=FETCH_HEAD
fi
notes=$(git rev-parse --verify --quiet --end-of-options "$notes^{commit}") || cannot "there is no such notes commit here"
jq -rj .allowedSigners "$trust" >"$tmp/signers"
if test -s "$tmp/signers"; then
	# A key in somebody's GnuPG ring must not do.
	git -c gpg.ssh.allowedSignersFile="$tmp/signers" -c gpg.ssh.program=ssh-keygen \
		-c gpg.program=false -c gpg.openpgp.program=false -c gpg.x509.program=false \
		verify-commit "$notes" >"$tmp/error" 2>&1 || refuse "the notes are not signed by the gate"
fi

# The note of the commit lies at its id, of which git makes leading pairs of digits into directories.
paths= head= rest=$commit
while test ${#rest} -gt 2; do
	paths="$paths $head$rest"
	tail=${rest#??}
	head=$head${rest%"$tail"}/
	rest=$tail
done
# shellcheck disable=SC2086
blobs=$(git ls-tree --full-tree "$notes" -- $paths | awk '$2 == "blob" { print $3 }')
: >"$tmp/note"
for blob in $blobs; do
	test "$(git cat-file -s "$blob")" -le 4194304 || refuse "the note is longer than 4194304 bytes"
	{ git cat-file blob "$blob" && echo; } >>"$tmp/note"
done
grep -q '[^[:space:]]' "$tmp/note" || refuse "the commit has no refgate note; it did not come through the gate"

# A note may have thousands of lines, and each costs some programs: those that speak of this ref, and a few others to say
# what there is instead.
jq -nRr --arg ref "$ref" '[inputs | select(. != "") | . as $line | [$line, (try ($line | fromjson | .payload | @base64d | fromjson
		| .subject[0].annotations.sourceRefs | index([$ref]) != null) catch false)]]
	| (map(select(.[1]))[-500:] + map(select(.[1] | not))[-50:])[] | .[0]' "$tmp/note" >"$tmp/lines" ||
	cannot "jq cannot read the note"

# Of several reasons, the one that came furthest.
why='the note has no verification summary' furthest=0
reason() { if test "$1" -gt "$furthest"; then furthest=$1 why=$2; fi; }

# Each statement that a trusted key signed becomes the file named by the SHA-256 of its line.
vsa=https://slsa.dev/verification_summary/v1
type=application/vnd.in-toto+json
summaries=
take() {
	jq -srj 'if length == 1 then .[0] else empty end
		| select(.payloadType == "'$type'") | .payload | select(explode | all(. > 32 and . < 127))' \
		"$tmp/line" 2>/dev/null | openssl base64 -d -A >"$tmp/payload" 2>/dev/null || return 0
	test -s "$tmp/payload" || return 0
	kind=$(jq -sr 'if length == 1 then .[0].predicateType else empty end' "$tmp/payload" 2>/dev/null) || return 0
	{ printf 'DSSEv1 %d %s %d ' ${#type} "$type" "$(wc -c <"$tmp/payload")" && cat "$tmp/payload"; } >"$tmp/signed"
	key=0 known=
	while test "$key" -lt "$keys"; do
		jq -rj --argjson key "$key" --slurpfile trust "$trust" \
			'$trust[0].verifiers[$key].keyid as $id | first(.signatures[:8][] | select(.keyid == $id) | .sig)' \
			"$tmp/line" 2>/dev/null | openssl base64 -d -A >"$tmp/signature" 2>/dev/null || :
		if test -s "$tmp/signature"; then
			known=1
			if openssl pkeyutl -verify -pubin -inkey "$tmp/key.$key" -rawin -in "$tmp/signed" \
				-sigfile "$tmp/signature" >/dev/null 2>&1; then
				digest=$(openssl dgst -sha256 -r "$tmp/line" | cut -c 1-64)
				mv "$tmp/payload" "$tmp/$digest"
				echo "$key" >"$tmp/$digest.key"
				if test "$kind" = "$vsa"; then summaries="$summaries $digest"; fi
				return 0
			fi
		fi
		key=$((key + 1))
	done
	test "$kind" = "$vsa" || return 0
	if test -n "$known"; then
		reason 2 'the summary was altered: its signature does not match'
	else
		reason 1 'the summary is signed by a key that is not trusted'
	fi
}
while IFS= read -r line || test -n "$line"; do
	printf '%s' "$line" >"$tmp/line"
	take
done <"$tmp/lines"

# Prints the number and the text of the first check that does not hold, or nothing.
first_flaw='def flaw: [to_entries[] | select(.value[0] != true)][0] | if . then "\(.key + 3) \(.value[1])" else "" end;
	def time: type == "string" and length == 20 and (try (fromdateiso8601 | todate) catch "") == .;'

summary_flaw() {
	jq -r --argjson key "$(cat "$tmp/$1.key")" --slurpfile trust "$trust" --arg resource "$resource" \
		--arg commit "$commit" --arg tree "$tree" --arg ref "$ref" --argjson max_age "$max_age" "$first_flaw"'
		$trust[0].verifiers[$key] as $by | .predicate as $p | .subject[0] as $s | [
			[(._type == "https://in-toto.io/Statement/v1" and (.subject | length) == 1
				and ($p.timeVerified | time)), "the summary is not in the form that the gate writes"],
			[$p.verifier.id == $by.id, "the summary is of a verifier which its key does not speak for"],
			[(($by.validAfter == null or $by.validAfter <= $p.timeVerified)
				and ($by.validBefore == null or $p.timeVerified < $by.validBefore)),
				"the summary is of \($p.timeVerified), when its key was not valid"],
			[$p.verificationResult == "PASSED", "the summary does not say PASSED"],
			[$p.resourceUri == $resource, "the summary is for another repository: \($p.resourceUri)"],
			[$s.digest.gitCommit == $commit, "the summary is for another commit: \($s.digest.gitCommit)"],
			[$s.digest.gitTree == $tree, "the summary is for another tree: \($s.digest.gitTree)"],
			[($s.annotations.sourceRefs | index([$ref]) != null),
				"the summary is for another ref: \($s.annotations.sourceRefs[0])"],
			[($p.timeVerified | fromdateiso8601) - now <= 300,
				"the summary is of \($p.timeVerified), which is still to come; check the clock"],
			[($max_age == null or now - ($p.timeVerified | fromdateiso8601) <= $max_age),
				"the summary is of \($p.timeVerified), which is too long ago (--max-age)"]
		] | flaw' "$tmp/$1" 2>/dev/null || echo "3 the summary is not in the form that the gate writes"
}

# The signed line that the summary names, if it is a decision.
decision_of() {
	for digest in $(jq -r '.predicate.inputAttestations[].digest.sha256' "$tmp/$1" 2>/dev/null); do
		case $digest in *[!0-9a-f]*) continue ;; esac
		test -f "$tmp/$digest" || continue
		jq -e '.predicateType | startswith("https://") and endswith("/attestation/push-decision/v0.1")' \
			"$tmp/$digest" >/dev/null 2>&1 || continue
		echo "$digest"
		return
	done
}

decision_flaw() {
	jq -r --slurpfile summary "$tmp/$1" --arg ref "$ref" --arg keys "$(cat "$tmp/$1.key") $(cat "$tmp/$2.key")" "$first_flaw"'
		def differ(what): "the summary and the decision do not agree on the \(what)";
		$summary[0] as $v | $v.predicate as $said | .predicate as $p | .subject[0] as $s | [range(11) | [true]] + [
			[(($keys | split(" ") | .[0] == .[1]) and $p.gate.id == $said.verifier.id),
				"the decision is not signed by the key of the summary'"'"'s verifier"],
			[(._type == "https://in-toto.io/Statement/v1" and (.subject | length) == 1
				and $s.digest == $v.subject[0].digest and $p.ref.new != null
				and ($p.ref.new == $s.digest.gitCommit or $p.ref.new == $s.digest.gitTag)), differ("subject")],
			[($p.ref.name == $ref and ($s.annotations.sourceRefs | index([$ref]) != null)), differ("ref")],
			[$p.resourceUri == $said.resourceUri, differ("repository")],
			[($p.policy | {uri, digest}) == ($said.policy | {uri, digest}), differ("policy")],
			[$p.times.decided == $said.timeVerified, differ("time")],
			[(([$p.approvals[].statementSha256] - [$said.inputAttestations[].digest.sha256] | length) == 0
				and ($said.inputAttestations | length) == 1 + ($p.approvals | length)), differ("approvals")],
			[($p.outcome == "accepted" or $p.outcome == "approved"),
				"the decision did not let the push through: \($p.outcome)"],
			[$p.policy.mode == "enforce", "the decision did not let the push through: the policy was not enforced"]
		] | flaw' "$tmp/$2" 2>/dev/null || echo "13 the decision is not in the form that the gate writes"
}

for summary in $summaries; do
	flaw=$(summary_flaw "$summary")
	if test -z "$flaw"; then
		decision=$(decision_of "$summary")
		if test -z "$decision"; then
			flaw='13 the decision is missing from the note, or not signed by the gate'
		else
			flaw=$(decision_flaw "$summary" "$decision")
		fi
	fi
	if test -z "$flaw"; then
		jq -r --slurpfile summary "$tmp/$summary" --arg commit "$commit" --arg ref "$ref" '
			.predicate as $p | $summary[0].predicate as $said | [
			"proven: \($commit) may be \($ref)",
			"by \($said.verifier.id), \($said.timeVerified), \($said.verifiedLevels | join(" "))",
			"push \($p.pushId) of \($p.actor.id), \($p.outcome)"][]' "$tmp/$decision"
		status=0
		exit
	fi
	reason "${flaw%% *}" "${flaw#* }"
done
refuse "$why"
