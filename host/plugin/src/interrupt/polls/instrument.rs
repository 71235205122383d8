//! Adds polls to a component, before it is compiled.
//!
//! Of every core module that has code, at any depth of the component:
//!
//! ```text
//! (memory (export "memory") 2)          (memory (export "memory") 2)
//!                                       (memory 1 65521)            ;; $poll
//! (func $f (param i32)                  (func $f (param i32)
//!                                         (drop (i32.load8_u $poll offset=0 (i32.const 0)))
//!   (loop $l                              (loop $l
//!                                           (drop (i32.load8_u $poll offset=1 (i32.const 0)))
//!     ...                                   ...
//!                                           (drop (i32.load8_u $poll offset=2 (i32.const 0)))
//!     (memory.copy ...)                     (memory.copy ...)
//!     (br $l)))                             (br $l)))
//! ```
//!
//! - **At the head of every loop**, which every turn passes.
//! - **At the entry of every function.** Recursion ends when the stack does, but
//!   calls need no deep stack to be endless: `fib`, a chain of functions each of
//!   which calls the next one twice, tail calls. Nor can functions that call
//!   nothing be left out: those that are exported may be called from a loop that is
//!   not in any module, when lists are copied from one component to another.
//!   This costs a call about a nanosecond where the function called is tiny, and
//!   nothing that could be measured where it is not; `tests/cost.rs` measures it.
//! - **Before every bulk operation**, each of which can be as long as memory: a
//!   function may be nothing but a thousand of them.
//!
//! The memory comes after all others, so no index of the module changes, and
//! function bodies are copied as they are, with polls in between.
//!
//! The data that the module's own memories begin with is taken out (see `data`). Whose they are is
//! told by the size of the poll memory, which nothing else depends on:
//!
//! | pages of a poll memory | module |
//! |---|---|
//! | 1 to 2047 | has all its data |
//! | 2048 × n + 1 to 2048 × n + 2047 | the n-th of the component whose data was taken |

use std::borrow::Cow;
use std::fmt;

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent, utils};
use wasm_encoder::{
    CodeSection, Component, ComponentSectionId, DataSection, Encode, Instruction, MemArg,
    MemorySection, MemoryType, Module, ModuleSection, RawSection, SectionId,
};
use wasmparser::{
    DataKind, FunctionBody, Operator, Parser, Payload, TypeRef, Validator, WasmFeatures,
};

use super::super::images::Image;
use super::data::Taken;

/// Changes whenever what is added changes; part of the names of cached code.
pub(super) const VERSION: &str = "polls-2";

/// The limit, in pages, by which poll memories are told from all others. A prime
/// near the largest possible: no tool would choose it.
pub(super) const MARKER: u64 = 65_521;

/// Bytes of a page of WebAssembly; of as many polls each page holds the addresses.
pub(super) const PAGE: usize = 65_536;

/// Pages of a poll memory for each number of a module; more polls than they have addresses
/// have no room in a file of the largest size.
const STRIDE: u64 = 2048;

/// Modules whose data is taken; others keep theirs.
const NUMBERED: u64 = MARKER / STRIDE - 1;

/// The number of the module that a poll memory of so many bytes is of; 0 for one that has
/// no images.
pub(super) fn number(poll_memory: usize) -> u64 {
    (poll_memory / PAGE) as u64 / STRIDE
}

/// The component with polls, and the images of its memories. One that is not valid is refused as it is: an index
/// that only the added memory makes valid must never pass.
pub(super) fn instrument(component: &[u8]) -> wasmtime::Result<(Vec<u8>, Vec<Image>)> {
    Validator::new_with_features(WasmFeatures::default()).validate_all(component)?;
    let mut out = Component::new();
    let mut modules = Modules::default();
    modules.parse_component(&mut out, Parser::new(0), component)?;
    Ok((out.finish(), modules.images))
}

/// A component that cannot be told from what the host adds.
#[derive(Debug)]
enum Reserved {
    Maximum,
    Polls,
}

impl fmt::Display for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maximum => {
                write!(f, "a memory's maximum is {MARKER} pages, which the host keeps for itself")
            }
            Self::Polls => write!(f, "a module has more loops and functions than possible"),
        }
    }
}

impl std::error::Error for Reserved {}

type Result<T> = std::result::Result<T, reencode::Error<Reserved>>;

/// Copies a component, and changes its modules.
#[derive(Default)]
struct Modules {
    /// How many there are with images, so far.
    numbered: u64,
    images: Vec<Image>,
}

impl Reencode for Modules {
    type Error = Reserved;
}

impl ReencodeComponent for Modules {
    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        parser: Parser,
        module: &[u8],
    ) -> Result<()> {
        let Some(mut polls) = Polls::of(module)? else {
            let id = ComponentSectionId::CoreModule as u8;
            component.section(&RawSection { id, data: module });
            return Ok(());
        };
        let mut taken = Taken::default();
        if self.numbered < NUMBERED {
            taken = Taken::of(module, self.numbered + 1)?;
        }
        if !taken.images.is_empty() {
            self.numbered += 1;
            polls.number = self.numbered;
            self.images.append(&mut taken.images);
        }
        let mut out = Module::new();
        let mut polled =
            Polled { polls, next: 0, has_memory: false, taken: taken.segments, segment: 0 };
        polled.parse_core_module(&mut out, parser, module)?;
        component.section(&ModuleSection(&out));
        Ok(())
    }
}

/// What a module needs.
struct Polls {
    /// Index of the poll memory.
    memory: u32,
    /// How many polls there will be.
    count: u64,
    /// Which of the modules with images it is, or 0.
    number: u64,
}

impl Polls {
    /// Nothing, for a module without code.
    fn of(module: &[u8]) -> Result<Option<Self>> {
        let mut polls = Self { memory: 0, count: 0, number: 0 };
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        polls.memory += u32::from(matches!(import?.ty, TypeRef::Memory(_)));
                    }
                }
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        if memory?.maximum == Some(MARKER) {
                            return Err(reencode::Error::UserError(Reserved::Maximum));
                        }
                        polls.memory += 1;
                    }
                }
                Payload::CodeSectionEntry(body) => polls.count += places(&body)?.len() as u64,
                _ => {}
            }
        }
        if polls.pages() >= STRIDE {
            return Err(reencode::Error::UserError(Reserved::Polls));
        }
        Ok((polls.count > 0).then_some(polls))
    }

    /// Pages that hold the addresses of all polls.
    fn pages(&self) -> u64 {
        self.count.div_ceil(PAGE as u64)
    }

    fn memory_type(&self) -> MemoryType {
        MemoryType {
            minimum: self.number * STRIDE + self.pages(),
            maximum: Some(MARKER),
            memory64: false,
            shared: false,
            page_size_log2: None,
        }
    }
}

/// Where in a function's bytes the polls go.
fn places(body: &FunctionBody<'_>) -> Result<Vec<usize>> {
    let start = body.range().start;
    let mut operators = body.get_operators_reader()?;
    let mut here = operators.original_position();
    let mut places = vec![(here - start) as usize];
    while !operators.eof() {
        let operator = operators.read()?;
        let before = std::mem::replace(&mut here, operators.original_position());
        match operator {
            Operator::Loop { .. } => places.push((here - start) as usize),
            Operator::MemoryInit { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryGrow { .. }
            | Operator::TableInit { .. }
            | Operator::TableCopy { .. }
            | Operator::TableFill { .. }
            | Operator::TableGrow { .. } => places.push((before - start) as usize),
            _ => {}
        }
    }
    Ok(places)
}

/// Copies a module, and adds its poll memory and its polls.
struct Polled {
    polls: Polls,
    /// Address of the next poll.
    next: u64,
    has_memory: bool,
    /// Of so many data segments, those that are active have been taken.
    taken: usize,
    /// Data segments so far.
    segment: usize,
}

impl Polled {
    fn poll(&mut self, out: &mut Vec<u8>) {
        let memory_index = self.polls.memory;
        Instruction::I32Const(0).encode(out);
        Instruction::I32Load8U(MemArg { offset: self.next, align: 0, memory_index }).encode(out);
        Instruction::Drop.encode(out);
        self.next += 1;
    }
}

impl Reencode for Polled {
    type Error = Reserved;

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<()> {
        utils::parse_memory_section(self, memories, section)?;
        memories.memory(self.polls.memory_type());
        self.has_memory = true;
        Ok(())
    }

    /// A module without memories gets the section, where it belongs.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<()> {
        let belongs_before = !matches!(
            before,
            Some(
                SectionId::Type
                    | SectionId::Import
                    | SectionId::Function
                    | SectionId::Table
                    | SectionId::Memory
                    | SectionId::Custom
            )
        );
        if belongs_before && !self.has_memory {
            let mut memories = MemorySection::new();
            memories.memory(self.polls.memory_type());
            module.section(&memories);
            self.has_memory = true;
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<()> {
        let bytes = body.as_bytes();
        let places = places(&body)?;
        let mut out = Vec::with_capacity(bytes.len() + 8 * places.len());
        let mut copied = 0;
        for place in places {
            out.extend_from_slice(&bytes[copied..place]);
            self.poll(&mut out);
            copied = place;
        }
        out.extend_from_slice(&bytes[copied..]);
        code.raw(&out);
        Ok(())
    }

    fn parse_data(
        &mut self,
        data: &mut DataSection,
        mut segment: wasmparser::Data<'_>,
    ) -> Result<()> {
        if self.segment < self.taken && matches!(segment.kind, DataKind::Active { .. }) {
            segment.data = &[];
        }
        self.segment += 1;
        utils::parse_data(self, data, segment)
    }

    /// Offsets into code no longer hold; they are hints, and only hints.
    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<()> {
        if section.name() == "name" {
            let data = Cow::Borrowed(section.data());
            module.section(&wasm_encoder::CustomSection { name: "name".into(), data });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(component: &str) -> Vec<u8> {
        instrument(&wat::parse_str(component).expect("text")).expect("instrumented").0
    }

    /// Polls of a module (memory and address), and its memories.
    type Seen = (Vec<(u32, u64)>, Vec<wasmparser::MemoryType>);

    /// What is in every module of the result.
    fn look(component: &[u8]) -> Vec<Seen> {
        Validator::new_with_features(WasmFeatures::default())
            .validate_all(component)
            .expect("valid");
        let mut modules: Vec<Seen> = Vec::new();
        for payload in Parser::new(0).parse_all(component) {
            match payload.expect("payload") {
                Payload::ModuleSection { .. } => modules.push((Vec::new(), Vec::new())),
                Payload::MemorySection(section) => {
                    let memories = section.into_iter().map(|memory| memory.expect("memory"));
                    modules.last_mut().expect("module").1.extend(memories);
                }
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader().expect("code") {
                        if let Operator::I32Load8U { memarg } = operator.expect("operator") {
                            let polls = &mut modules.last_mut().expect("module").0;
                            polls.push((memarg.memory, memarg.offset));
                        }
                    }
                }
                _ => {}
            }
        }
        modules
    }

    #[test]
    fn every_loop_function_and_bulk_operation_has_a_poll_of_its_own() {
        let modules = look(&printed(
            r#"(component
                (core module (memory 1) (memory 2 3)
                    (func (export "f")
                        (loop (loop (br 1)))
                        (i32.const 7) (loop (param i32) (drop))
                        (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))
                    (func (memory.copy 0 1 (i32.const 0) (i32.const 0) (i32.const 0)))))"#,
        ));
        let [(polls, memories)] = &modules[..] else { panic!("{modules:?}") };
        assert_eq!(*polls, (0..7).map(|address| (2, address)).collect::<Vec<_>>());
        assert_eq!(memories.len(), 3);
        assert_eq!((memories[1].initial, memories[1].maximum), (2, Some(3)));
        assert_eq!((memories[2].initial, memories[2].maximum), (1, Some(MARKER)));
    }

    #[test]
    fn modules_at_any_depth_and_without_memory_are_reached() {
        let modules = look(&printed(
            r#"(component
                (core module (table 1 funcref) (global i32 (i32.const 0)) (func) (elem func 0))
                (core module (import "a" "b" (memory 1)) (import "a" "f" (func)) (func (loop)))
                (component (core module (func (loop)) (start 0)))
                (core module (import "a" "b" (func)) (export "c" (func 0))))"#,
        ));
        let shapes: Vec<_> = modules.iter().map(|(p, m)| (p.clone(), m.len())).collect();
        assert_eq!(
            shapes,
            [
                (vec![(0, 0)], 1),
                // Behind the memory that is imported.
                (vec![(1, 0), (1, 1)], 1),
                (vec![(0, 0), (0, 1)], 1),
                (vec![], 0),
            ]
        );
    }

    #[test]
    fn more_polls_than_a_page_has_addresses() {
        let component = format!("(component (core module (func {})))", "(loop)".repeat(65_536));
        let modules = look(&printed(&component));
        let (polls, memories) = &modules[0];
        assert_eq!(polls.last(), Some(&(0, 65_536)));
        assert_eq!(memories[0].initial, 2);
    }

    #[test]
    fn nothing_can_name_the_poll_memory_or_pass_for_it() {
        for module in [
            "(func (drop (i32.load (i32.const 0))))",
            "(memory 1) (func (drop (memory.grow 1 (i32.const 0))))",
            r#"(memory 1) (export "x" (memory 1))"#,
            r#"(memory 1) (data (memory 1) (i32.const 0) "x")"#,
            "(memory 1 65521)",
        ] {
            let component = format!("(component (core module {module} (func)))");
            let bytes = wat::parse_str(&component).expect("text");
            assert!(instrument(&bytes).is_err(), "{module}");
        }
    }
}
