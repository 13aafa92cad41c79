//! The floor: wasmtime itself, set up as the engine sets it up, with the engine's own bindings, fuel,
//! deadline and limits, and nothing around it.

#[path = "../../../../crates/engine/src/contract.rs"]
#[allow(dead_code, reason = "one hook is asked")]
mod contract;

use std::thread;
use std::time::Duration;

use contract::{Assessment, OrderRecord};
use lezai_core::policy::{OrderFacts, Risk};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, ResourceLimiter,
    Store, UpdateDeadline,
};

const RISK: &str = "lezai:plugin/risk@1.0.0";
const MEMORY: usize = 2 * 1024 * 1024;
const TABLE_ELEMENTS: usize = 4096;

pub struct Raw {
    engine: Engine,
    blueprint: InstancePre<Guest>,
    function: ComponentExportIndex,
}

struct Guest {
    memory: usize,
}

impl Raw {
    pub fn load(component: &[u8]) -> Self {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(64)
            .total_core_instances(256)
            .total_memories(64)
            .total_tables(128)
            .max_core_instances_per_component(4)
            .max_memories_per_component(1)
            .max_tables_per_component(2)
            .max_memory_size(MEMORY)
            .table_elements(TABLE_ELEMENTS);
        if PoolingAllocationConfig::is_pagemap_scan_available() {
            pool.pagemap_scan(Enabled::Yes)
                .linear_memory_keep_resident(MEMORY)
                .table_keep_resident(TABLE_ELEMENTS * size_of::<usize>());
        }
        let mut config = Config::new();
        config
            .concurrency_support(false)
            .consume_fuel(true)
            .epoch_interruption(true)
            .max_wasm_stack(128 * 1024)
            .cranelift_nan_canonicalization(true)
            .wasm_relaxed_simd(false)
            .memory_init_cow(false)
            .wasm_backtrace_max_frames(None)
            .generate_address_map(false)
            .native_unwind_info(false)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).expect("an engine");
        let component = Component::new(&engine, component).expect("a component");
        let linker = Linker::new(&engine);
        let blueprint = linker.instantiate_pre(&component).expect("no imports");
        let instance = component.get_export_index(None, RISK).expect("risk");
        let function = component.get_export_index(Some(&instance), "assess").expect("assess");
        let ticking = engine.weak();
        thread::spawn(move || {
            while let Some(engine) = ticking.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(Duration::from_millis(1));
            }
        });
        Self { engine, blueprint, function }
    }

    pub fn assess(&self, settings: &[u8], order: &OrderFacts) -> Risk {
        let record = OrderRecord::new(order);
        let mut store = Store::new(&self.engine, Guest { memory: 0 });
        store.limiter(|guest| guest);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Continue(1)));
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(8 * 1024);
        store.set_fuel(2_000_000).expect("fuel");
        let instance = self.blueprint.instantiate(&mut store).expect("an instance");
        let function = instance
            .get_typed_func::<(&OrderRecord<'_>, &[u8]), (Result<Assessment, String>,)>(
                &mut store,
                self.function,
            )
            .expect("the contract's type");
        let (answer,) = function.call(&mut store, (&record, settings)).expect("an answer");
        answer.expect("no error").into()
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.memory = desired;
        Ok(desired <= MEMORY)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}
