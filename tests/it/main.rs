//! Tests of the whole program: stock `git` and `ssh` against a running gate with a real upstream.

mod attack;
mod cases;
mod drop_in;
mod push;
mod support;
