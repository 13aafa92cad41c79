//! The checks of a component before anything is compiled: its size, its kind, its imports, and
//! how much of everything it has.
//!
//! A compiler's time and memory are no matter of a component's bytes alone. 3 KB of components that
//! each make two instances of the one inside are 2⁶⁰ instances, and a loop of 14 bytes gets as many
//! phis as its function has locals. Nobody can stop wasmtime once it compiles, so whatever could
//! take it long is counted here first. Behind each bound stands what the largest plugin that we
//! have uses of it; that is the core's whole cryptography or the standard plugin.
//!
//! Of some fifty components at these bounds, the one that took longest took 1.0 s of processor time
//! and 230 MB. Without the bounds it was 18 s and 1.6 GB for `memory.grow`, and no end for loops.

use wasmparser::{
    BinaryReaderError, CanonicalFunction, ComponentInstance, ElementItems, Encoding, FunctionBody,
    Operator, Parser, Payload,
};

use crate::hook::Hook;
use crate::limits::Limits;
use crate::refused::Refused;

/// How many of something one component may have.
struct Bound {
    /// In words, for the refusal.
    what: &'static str,
    most: usize,
}

/// Of 4: each hook's exports are a component of their own.
const COMPONENTS: Bound = Bound { what: "nested components", most: 16 };
/// Of 4. Wasmtime writes out what an instance's component has for each instance.
const INSTANCES: Bound = Bound { what: "component instances", most: 64 };
/// Of 191.
const COMPONENT_ITEMS: Bound =
    Bound { what: "types, imports, exports, aliases and functions of components", most: 1_000 };
/// Of 1, as are core instances.
const MODULES: Bound = Bound { what: "core modules", most: 4 };
const CORE_INSTANCES: Bound =
    Bound { what: "core instances", most: crate::CORE_INSTANCES as usize };
/// Of 521. Even an empty one takes 70 µs to compile.
const FUNCTIONS: Bound = Bound { what: "functions", most: 4_000 };
/// Of 31.
const TYPES: Bound = Bound { what: "core types", most: 200 };
/// Of 11. A call of two bytes is an instruction for each parameter and result.
const PARAMS: Bound = Bound { what: "parameters of one function", most: 40 };
/// Of 1.
const RESULTS: Bound = Bound { what: "results of one function", most: 4 };
/// Of 16.
const EXTERNS: Bound =
    Bound { what: "imports, exports, tables, memories and globals of modules", most: 200 };
/// Of 3.
const SEGMENTS: Bound = Bound { what: "data and element segments", most: 200 };
/// Of 98.
const ELEMENTS: Bound = Bound { what: "elements of tables", most: 2_000 };
/// Of 168, parameters too.
const LOCALS: Bound = Bound { what: "locals of one function", most: 1_000 };
/// Of 10,761. Twice the code in one function takes more than twice the time.
const BODY: Bound = Bound { what: "bytes of code in one function", most: 48 * 1024 };
/// Of 61.
const NESTING: Bound = Bound { what: "blocks within one another", most: 200 };
/// Of 5,277.
const BRANCHES: Bound = Bound { what: "blocks, loops and branches", most: 20_000 };
/// Of 254. Each looks at the fuel and at the clock.
const LOOPS: Bound = Bound { what: "loops", most: 1_000 };
/// Of 84,814: each local can need a phi at each branch.
const PHIS: Bound = Bound { what: "locals times branches", most: 500_000 };
/// Of 1,734.
const CALLS: Bound = Bound { what: "calls", most: 10_000 };
/// Of 256. These go through the host, or look a function up and check it. 120,000 of them took 18 s.
const FAR_CALLS: Bound =
    Bound { what: "indirect calls and operations on memories and tables", most: 1_000 };

/// Refuses what is not worth compiling.
pub(crate) fn check(component: &[u8], limits: &Limits) -> Result<(), Refused> {
    if component.len() > limits.component {
        return Err(Refused::TooLarge { found: component.len(), most: limits.component });
    }
    let mut tally = Tally::default();
    for payload in Parser::new(0).parse_all(component) {
        tally.payload(payload.map_err(invalid)?)?;
    }
    Ok(())
}

/// The hooks that a component says it answers, by the names of its exports: without compiling it,
/// and so without knowing whether it is right.
pub(crate) fn hooks(component: &[u8]) -> Result<Vec<Hook>, Refused> {
    let mut depth = 0_u32;
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(invalid)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    let name = export.map_err(invalid)?.name.name;
                    found.extend(Hook::ALL.into_iter().find(|hook| hook.export().0 == name));
                }
            }
            _ => {}
        }
    }
    // In the order in which they are asked, as everywhere.
    Ok(Hook::ALL.into_iter().filter(|hook| found.contains(hook)).collect())
}

/// The counts so far.
#[derive(Default)]
struct Tally {
    /// How many components and modules are open; 0 in the outermost component.
    depth: u32,
    components: usize,
    instances: usize,
    component_items: usize,
    modules: usize,
    core_instances: usize,
    functions: usize,
    types: usize,
    externs: usize,
    segments: usize,
    elements: usize,
    branches: usize,
    loops: usize,
    phis: usize,
    calls: usize,
    far_calls: usize,
    /// Parameters of the open module's types.
    type_params: Vec<usize>,
    /// Parameters of its functions, and for how many of those the code was seen.
    function_params: Vec<usize>,
    bodies: usize,
}

impl Tally {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), Refused> {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if self.depth == 0 => {
                return Err(Refused::CoreModule);
            }
            Payload::Version { .. } => {
                self.type_params.clear();
                self.function_params.clear();
                self.bodies = 0;
            }
            Payload::ModuleSection { .. } => {
                self.outermost("core module")?;
                self.depth += 1;
                add(&mut self.modules, 1, &MODULES)?;
            }
            Payload::ComponentSection { .. } => {
                self.outermost("component")?;
                self.depth += 1;
                add(&mut self.components, 1, &COMPONENTS)?;
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::InstanceSection(section) => {
                self.outermost("core instance")?;
                add(&mut self.core_instances, section.count(), &CORE_INSTANCES)?;
            }
            Payload::ComponentInstanceSection(section) => {
                self.outermost("component instance")?;
                add(&mut self.instances, section.count(), &INSTANCES)?;
                for instance in section {
                    let items = match instance.map_err(invalid)? {
                        ComponentInstance::Instantiate { args, .. } => args.len(),
                        ComponentInstance::FromExports(exports) => exports.len(),
                    };
                    add_len(&mut self.component_items, items, &COMPONENT_ITEMS)?;
                }
            }
            // Items inside a component (modules, other components) import from the component,
            // so only the outermost level counts.
            Payload::ComponentImportSection(imports) => {
                add(&mut self.component_items, imports.count(), &COMPONENT_ITEMS)?;
                if self.depth == 0
                    && let Some(import) = imports.into_iter().next()
                {
                    return Err(Refused::Import(import.map_err(invalid)?.name.name.to_owned()));
                }
            }
            Payload::ComponentExportSection(section) => {
                add(&mut self.component_items, section.count(), &COMPONENT_ITEMS)?;
            }
            Payload::ComponentAliasSection(section) => {
                add(&mut self.component_items, section.count(), &COMPONENT_ITEMS)?;
            }
            Payload::ComponentTypeSection(section) => {
                add(&mut self.component_items, section.count(), &COMPONENT_ITEMS)?;
            }
            Payload::CoreTypeSection(section) => {
                add(&mut self.component_items, section.count(), &COMPONENT_ITEMS)?;
            }
            Payload::ComponentCanonicalSection(section) => {
                add(&mut self.component_items, section.count(), &COMPONENT_ITEMS)?;
                for function in section {
                    // Wasmtime compiles an adapter, as long as the types are large, for each
                    // function that is lowered.
                    if !matches!(function.map_err(invalid)?, CanonicalFunction::Lift { .. }) {
                        return Err(Refused::Glue);
                    }
                }
            }
            Payload::TypeSection(section) => {
                add(&mut self.types, section.count(), &TYPES)?;
                for function in section.into_iter_err_on_gc_types() {
                    let function = function.map_err(invalid)?;
                    let (params, results) = (function.params().len(), function.results().len());
                    at_most(params, &PARAMS)?;
                    at_most(results, &RESULTS)?;
                    self.type_params.push(params);
                }
            }
            Payload::ImportSection(section) => add(&mut self.externs, section.count(), &EXTERNS)?,
            Payload::ExportSection(section) => add(&mut self.externs, section.count(), &EXTERNS)?,
            Payload::TableSection(section) => add(&mut self.externs, section.count(), &EXTERNS)?,
            Payload::MemorySection(section) => add(&mut self.externs, section.count(), &EXTERNS)?,
            Payload::GlobalSection(section) => add(&mut self.externs, section.count(), &EXTERNS)?,
            Payload::DataSection(section) => add(&mut self.segments, section.count(), &SEGMENTS)?,
            Payload::ElementSection(section) => {
                add(&mut self.segments, section.count(), &SEGMENTS)?;
                for element in section {
                    let count = match element.map_err(invalid)?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    add(&mut self.elements, count, &ELEMENTS)?;
                }
            }
            Payload::FunctionSection(section) => {
                add(&mut self.functions, section.count(), &FUNCTIONS)?;
                for index in section {
                    let index = index.map_err(invalid)?;
                    let params =
                        usize::try_from(index).ok().and_then(|it| self.type_params.get(it));
                    self.function_params.push(params.copied().unwrap_or_default());
                }
            }
            Payload::CodeSectionEntry(body) => self.body(&body)?,
            _ => {}
        }
        Ok(())
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), Refused> {
        at_most(body.range().len(), &BODY)?;
        let mut locals = self.function_params.get(self.bodies).copied().unwrap_or_default();
        self.bodies += 1;
        for group in body.get_locals_reader().map_err(invalid)? {
            add(&mut locals, group.map_err(invalid)?.0, &LOCALS)?;
        }
        let (mut depth, mut branches) = (0_usize, 1_usize);
        for operator in body.get_operators_reader().map_err(invalid)? {
            match operator.map_err(invalid)? {
                Operator::Loop { .. } => {
                    add(&mut self.loops, 1, &LOOPS)?;
                    branches += 1;
                    add(&mut depth, 1, &NESTING)?;
                }
                Operator::Block { .. } | Operator::If { .. } => {
                    branches += 1;
                    add(&mut depth, 1, &NESTING)?;
                }
                Operator::End => depth = depth.saturating_sub(1),
                Operator::BrTable { targets } => {
                    branches = branches
                        .saturating_add(usize::try_from(targets.len()).unwrap_or(usize::MAX));
                }
                Operator::Call { .. } | Operator::ReturnCall { .. } => {
                    add(&mut self.calls, 1, &CALLS)?
                }
                Operator::CallIndirect { .. }
                | Operator::ReturnCallIndirect { .. }
                | Operator::MemoryGrow { .. }
                | Operator::MemorySize { .. }
                | Operator::MemoryInit { .. }
                | Operator::MemoryCopy { .. }
                | Operator::MemoryFill { .. }
                | Operator::DataDrop { .. }
                | Operator::ElemDrop { .. }
                | Operator::TableInit { .. }
                | Operator::TableCopy { .. }
                | Operator::TableFill { .. }
                | Operator::TableGrow { .. }
                | Operator::TableSize { .. }
                | Operator::TableGet { .. }
                | Operator::TableSet { .. }
                | Operator::RefFunc { .. } => add(&mut self.far_calls, 1, &FAR_CALLS)?,
                Operator::Br { .. } | Operator::BrIf { .. } | Operator::Else => branches += 1,
                _ => {}
            }
        }
        add_len(&mut self.branches, branches, &BRANCHES)?;
        add_len(&mut self.phis, branches.saturating_mul(locals + 1), &PHIS)
    }

    /// Modules, components and instances stand in the outermost component alone: with instances in
    /// nested ones, each could double what the one before makes.
    fn outermost(&self, what: &'static str) -> Result<(), Refused> {
        if self.depth == 0 { Ok(()) } else { Err(Refused::Nested(what)) }
    }
}

fn add(sum: &mut usize, more: u32, bound: &Bound) -> Result<(), Refused> {
    add_len(sum, usize::try_from(more).unwrap_or(usize::MAX), bound)
}

fn add_len(sum: &mut usize, more: usize, bound: &Bound) -> Result<(), Refused> {
    *sum = sum.saturating_add(more);
    at_most(*sum, bound)
}

fn at_most(found: usize, bound: &Bound) -> Result<(), Refused> {
    let Bound { what, most } = *bound;
    if found <= most { Ok(()) } else { Err(Refused::TooMany { what, found, most }) }
}

fn invalid(error: BinaryReaderError) -> Refused {
    Refused::Invalid(error.to_string())
}
