//! Passwords that are computed: `derivePassword`, `bcrypt`, `htpasswd`. Each is slow on purpose, so a call costs many steps of the run's budget.

use blowfish::Blowfish;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::args::{int, text};
use super::encode::base64;
use super::strings::bytes;
use super::{Done, Entry};
use crate::{Env, Value};

/// What a call costs: some ten of them use up a default budget.
const COST: u64 = 500_000;

pub(super) const TABLE: &[Entry] = &[
    Entry { name: "derivePassword", signature: "issss", cost: COST, body: derive },
    Entry { name: "bcrypt", signature: "s", cost: COST, body: |env, a| hash(env, text(a, 0)).map(Value::from) },
    Entry { name: "htpasswd", signature: "ss", cost: COST, body: htpasswd },
];

/// The cost that Go's `bcrypt.DefaultCost` has, and the most bytes that it takes.
const BCRYPT_COST: u32 = 10;
const BCRYPT_MOST: usize = 72;

fn hash(env: &dyn Env, password: &str) -> Result<String, String> {
    if password.len() > BCRYPT_MOST {
        return Ok("failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned());
    }
    let salt = <[u8; 16]>::try_from(bytes(env, 16)?).map_err(|_| "no random bytes".to_owned())?;
    Ok(bcrypt(password, &salt, BCRYPT_COST))
}

/// The Blowfish of Provos and Mazières: the key schedule is worked through 2^cost times.
fn bcrypt(password: &str, salt: &[u8; 16], cost: u32) -> String {
    let key = [password.as_bytes(), &[0]].concat();
    let mut state: Blowfish = Blowfish::bc_init_state();
    state.salted_expand_key(salt, &key);
    for _ in 0..1_u64 << cost.min(31) {
        state.bc_expand_key(&key);
        state.bc_expand_key(salt);
    }
    let mut out = Vec::with_capacity(24);
    for block in b"OrpheanBeholderScryDoubt".chunks_exact(8) {
        let half = |range| block.get::<std::ops::Range<usize>>(range).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
        let mut pair = [half(0..4), half(4..8)];
        for _ in 0..64 {
            pair = state.bc_encrypt(pair);
        }
        out.extend(pair.iter().flat_map(|n| n.to_be_bytes()));
    }
    out.truncate(23);
    format!("$2a${cost:02}${}{}", bcrypt_text(salt), bcrypt_text(&out))
}

/// Base 64 with the order of characters that bcrypt has of its own, without padding.
fn bcrypt_text(input: &[u8]) -> String {
    const USUAL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const OWN: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let own = |c| USUAL.find(c).and_then(|at| OWN.get(at)).copied().map(char::from);
    base64(input).chars().filter_map(own).collect()
}

fn htpasswd(env: &dyn Env, a: &[Value]) -> Done {
    let (user, password) = (text(a, 0), text(a, 1));
    if user.contains(':') {
        return Ok(format!("invalid username: {user}").into());
    }
    Ok(format!("{user}:{}", hash(env, password)?).into())
}

/// Kinds of passwords of the Master Password algorithm: each template is a row of classes of characters.
const KINDS: [(&str, &[&str]); 7] = [
    ("maximum", &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"]),
    (
        "long",
        &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
    ),
    ("medium", &["CvcnoCvc", "CvcCvcno"]),
    ("short", &["Cvcn"]),
    ("basic", &["aaanaaan", "aannaaan", "aaannaaa"]),
    ("pin", &["nnnn"]),
    ("phrase", &["cvcc cvc cvccvcv cvc", "cvc cvccvcvcv cvcv", "cv cvccv cvc cvcvccv"]),
];

fn class(letter: u8) -> &'static [u8] {
    match letter {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        b'x' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
        _ => b" ",
    }
}

/// The seed of all names of the Master Password algorithm.
const SEED: &[u8] = b"com.lyndir.masterpassword";

fn named(name: &str) -> Vec<u8> {
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    [SEED, &length.to_be_bytes(), name.as_bytes()].concat()
}

fn pick(list: &[u8], by: u8) -> u8 {
    usize::from(by).checked_rem(list.len()).and_then(|i| list.get(i)).copied().unwrap_or(b' ')
}

fn derive(_: &dyn Env, a: &[Value]) -> Done {
    let (kind, password, user, site) = (text(a, 1), text(a, 2), text(a, 3), text(a, 4));
    let Some((_, templates)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        return Ok(format!("cannot find password template {kind}").into());
    };
    let counter = u32::try_from(int(a, 0)).map_err(|_| "the counter must be a number of 32 bits".to_owned())?;
    let mut key = [0_u8; 64];
    let cost = scrypt::Params::new(15, 8, 2).map_err(|e| e.to_string())?;
    scrypt::scrypt(password.as_bytes(), &named(user), &cost, &mut key).map_err(|e| e.to_string())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|e| e.to_string())?;
    mac.update(&[named(site), counter.to_be_bytes().to_vec()].concat());
    let seed = mac.finalize().into_bytes();
    let mut seed = seed.iter().copied();
    let which = usize::from(seed.next().unwrap_or(0)) % templates.len();
    let template = templates.get(which).copied().unwrap_or_default();
    let password: String = template.bytes().zip(seed).map(|(letter, by)| char::from(pick(class(letter), by))).collect();
    Ok(password.into())
}

#[cfg(test)]
mod tests {
    use crate::Value;
    use crate::sprig::find;

    fn call(name: &str, arguments: &[Value]) -> String {
        struct Fixed;
        impl crate::Env for Fixed {
            fn get(&self, _: &str) -> Option<Value> {
                None
            }
            fn random(&self, buffer: &mut [u8]) -> bool {
                buffer.fill(7);
                true
            }
        }
        find(name).unwrap().call(&Fixed, arguments).unwrap().to_string()
    }

    #[test]
    fn passwords_are_the_references() {
        let of = |kind: &str| call("derivePassword", &[Value::Int(1), kind.into(), "password".into(), "user".into(), "example.com".into()]);
        assert_eq!((of("pin").as_str(), of("none").as_str()), ("6685", "cannot find password template none"));
        let hashed = call("htpasswd", &["ann".into(), "x".into()]);
        assert!(hashed.starts_with("ann:$2a$10$") && hashed.len() == 64, "{hashed}");
        // From the test vectors of Openwall's crypt_blowfish: a salt of 0x10 41 04 …, which is "CCC…" as text.
        let salt = [0x10, 0x41, 0x04].repeat(6)[..16].try_into().unwrap();
        assert_eq!(super::bcrypt("U*U", &salt, 5), "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
        assert!(call("bcrypt", &["é".repeat(40).as_str().into()]).contains("72 bytes"));
    }
}
