//! The full-screen reviewer of held pushes: the queue, one push with its findings, its diff commit by commit.
//!
//! Bytes and window sizes in, bytes out, over whatever carries them; it touches no terminal of this process and no
//! object. What it shows and what it does goes through a [`Desk`]. Nothing from a push reaches the output but as visible
//! text (`visible`), and only `screen` writes what a terminal obeys.

mod canvas;
mod commit_page;
mod desk;
mod draw;
mod highlight;
mod input;
mod keys;
mod languages;
mod open;
mod overview;
mod page;
mod pane;
mod run;
mod screen;
mod state;
mod visible;

pub use desk::{Commit, Desk, DeskError, Held, MayDecide, Waiting};
pub use run::{Event, ReviewError, Terminal, run};
pub use screen::Colors;
