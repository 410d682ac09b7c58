//! `events`: what happens, one JSON object a line, for CI and chat.

use super::{Scene, VerbError};
use crate::events::{FeedError, Follow, Since};
use crate::gate::DeskError;

pub fn events(scene: &mut Scene<'_>, since: Since, follow: Follow) -> Result<(), VerbError> {
    match scene.gate.events(scene.session, since, follow, &mut scene.output) {
        Ok(()) => Ok(()),
        Err(FeedError::Output(error)) => Err(error.into()),
        Err(error @ FeedError::Beyond { .. }) => Err(VerbError::Cursor(error)),
        Err(FeedError::Store(error)) => Err(DeskError::Internal(error.into()).into()),
    }
}
