//! Shared by the jobs that ask a channel.

use lezai_channels::channel::{AttemptRef, AttemptStatus, Channel};
use lezai_core::id::{AttemptId, OrderId};
use lezai_wire::problem::Problem;

use super::{Done, Turn};
use crate::gateway::{asked, attempt_ref};

impl Turn<'_> {
    /// Applies what a channel said for good.
    pub(super) async fn apply_final_status(
        &self,
        order: &OrderId,
        attempt: &AttemptId,
        standing: AttemptStatus,
    ) -> Result<Done, Problem> {
        let heard =
            self.gateway.apply_channel_status(order.clone(), attempt.clone(), standing).await;
        heard.map(|()| Done::Finished)
    }

    /// How an attempt stands, asked only where an earlier call may have done something unheard.
    pub(super) async fn status_before(
        &self,
        channel: &dyn Channel,
        attempt: &AttemptRef,
    ) -> Result<Option<AttemptStatus>, Problem> {
        if self.tries == 0 {
            return Ok(None);
        }
        asked(channel, "query", channel.query(attempt)).await.map(Some)
    }

    /// Tells the channel that an attempt is given up, which may be too late.
    pub(super) async fn cancel(
        &self,
        order: &OrderId,
        attempt: &AttemptId,
    ) -> Result<Done, Problem> {
        let record = self.gateway.record(order.clone()).await?;
        let channel = self.gateway.channel_of(&record, attempt)?;
        let channel = &*channel;
        let reference = attempt_ref(&record, attempt)?;
        let standing = asked(channel, "cancel", channel.cancel(&reference)).await?;
        self.apply_final_status(order, attempt, standing).await
    }
}
