//! The cost of an instruction, in fuel.
//!
//! Fuel is what bounds a plugin's time, so a unit of it has to be worth about the same time wherever it
//! is burnt. wasmtime's own costs are one for nearly everything, though some instructions take fifty times
//! as long as others: a plugin of those alone would burn its fuel in a tenth of a second. Here such
//! an instruction costs what it takes, rounded up, so that a unit takes some 2 ns at most where a plain
//! loop takes 1. Bytes that are copied and elements that are filled cost one each, and are paid for
//! before it is done.
//!
//! A change here changes the fuel of every decision that was ever recorded: it is one of the contract.

use wasmtime::OperatorCost;

/// The costs; all others are wasmtime's. In comments what was measured of each in ns, against 1 for a turn
/// of an empty loop.
pub(crate) const fn costs() -> OperatorCost {
    let mut cost = OperatorCost::new();
    // The host's work: a call out of the guest, and what it does there. 18 × 2, 4 × 3, 22 × 4, 52, 9.
    cost.MemoryGrow = 200;
    cost.TableGrow = 50;
    cost.MemoryFill = 50;
    cost.RefFunc = 50;
    cost.ElemDrop = 10;
    // A division of 64 bits takes 3, and on processors before 2019 ten times as long.
    cost.I64DivS = 10;
    cost.I64DivU = 10;
    cost.I64RemS = 10;
    cost.I64RemU = 10;
    cost.I32DivS = 5;
    cost.I32DivU = 5;
    cost.I32RemS = 5;
    cost.I32RemU = 5;
    // With floating point each waits for the one before, and then for a NaN to be made everybody's: 4,
    // 8, and 6.
    cost.F64Div = 5;
    cost.F32Div = 5;
    cost.F64Sqrt = 10;
    cost.F32Sqrt = 10;
    cost.F64Ceil = 8;
    cost.F64Floor = 8;
    cost.F64Trunc = 8;
    cost.F64Nearest = 8;
    cost.F32Ceil = 8;
    cost.F32Floor = 8;
    cost.F32Trunc = 8;
    cost.F32Nearest = 8;
    cost
}
