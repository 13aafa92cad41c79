//! Makes statements, and has those of plans made when their periods end.

use lezai_core::id::{MerchantId, StatementId};
use lezai_core::time::Timestamp;

use super::{Done, Job, Running, Turn};
use crate::statements::making::{self, Turned};
use crate::statements::plans;

/// So often a statement is tried that cannot be read: some hours, by the worker's pauses.
const TRIES_MAX: u32 = 20;

/// Which statement.
pub(super) struct MakeStatement {
    pub(super) merchant: MerchantId,
    pub(super) statement: StatementId,
}

impl Job for MakeStatement {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(async {
            let (merchant, statement) = (self.merchant.clone(), self.statement.clone());
            let turned = making::turn(turn.gateway, merchant, statement).await;
            match turned {
                Ok(Turned::Over) => Ok(Done::Finished),
                // Others have their turns in between.
                Ok(Turned::Further) => Ok(Done::PutOff { due: turn.gateway.node.clock.now() }),
                Err(_) if turn.tries >= TRIES_MAX => {
                    let (merchant, statement) = (self.merchant.clone(), self.statement.clone());
                    making::give_up(turn.gateway, merchant, statement).await?;
                    Ok(Done::Finished)
                }
                Err(problem) => Err(problem),
            }
        })
    }
}

/// The end of which period of which plan.
pub(super) struct PlanStatement {
    pub(super) merchant: MerchantId,
    pub(super) plan: String,
    pub(super) edition: u32,
    pub(super) end: Timestamp,
}

impl Job for PlanStatement {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(async {
            let of = (self.merchant.clone(), self.plan.clone());
            plans::period_ended(turn.gateway, of, self.edition, self.end).await?;
            Ok(Done::Finished)
        })
    }
}
