//! What the host offers to guests. No import blocks, and none traps for what a
//! guest can be told in an answer.

use std::sync::Arc;
use std::time::Instant;

use tidelake_columns::{Columns, Node as ColumnNode};
use tidelake_core::plugin::PluginContext;
use wasmtime::component::{
    ComponentNamedList, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
    WasmList, WasmStr,
};
use wasmtime::{AsContextMut, Result, StoreContextMut};

use super::codec::{self, Algorithm};
use super::types::{
    BatchHandle, ColumnsIn, ColumnsOut, ErrorCode, FileHandle, GuestError, Node, OutColumn,
    SinkHandle,
};
use crate::crossing::lend;
use crate::crossing::output::{Emitted, Refused};
use crate::run::state::State;
use crate::stats::{Crossing, Metric, add, add_since};

type Cx<'a> = StoreContextMut<'a, State>;
type Answer<T> = std::result::Result<T, GuestError>;

/// Adds every interface of the package that plugins may import without a grant.
pub(crate) fn link(linker: &mut Linker<State>) -> Result<()> {
    linker.instance("tidelake:plugin/types@0.1.0")?;
    linker.instance("tidelake:plugin/objects@0.1.0")?;
    batches(linker.instance("tidelake:plugin/arrow@0.1.0")?)?;
    codecs(linker.instance("tidelake:plugin/codec@0.1.0")?)?;
    log(linker.instance("tidelake:plugin/log@0.1.0")?)?;
    metrics(linker.instance("tidelake:plugin/metrics@0.1.0")?)?;
    config(linker.instance("tidelake:plugin/config@0.1.0")?)
}

/// Adds a function. It looks at the deadline when it is entered and when it is
/// left, since nothing can stop it in between.
pub(crate) fn func<P, R>(
    interface: &mut LinkerInstance<'_, State>,
    name: &str,
    body: impl Fn(Cx<'_>, P) -> Result<R> + Send + Sync + 'static,
) -> Result<()>
where
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + 'static,
{
    interface.func_wrap(name, move |mut cx: Cx<'_>, params: P| {
        cx.data().in_time()?;
        let answer = body(cx.as_context_mut(), params)?;
        cx.data().in_time()?;
        Ok(answer)
    })
}

fn batches(mut arrow: LinkerInstance<'_, State>) -> Result<()> {
    arrow.resource("record-batch", ResourceType::host::<BatchHandle>(), |_, _| Ok(()))?;
    arrow.resource("batch-sink", ResourceType::host::<SinkHandle>(), |_, _| Ok(()))?;
    arrow.resource("byte-sink", ResourceType::host::<FileHandle>(), |_, _| Ok(()))?;
    func(&mut arrow, "[method]record-batch.rows", |cx: Cx<'_>, (_,): (Resource<BatchHandle>,)| {
        Ok((cx.data().input()?.num_rows() as u64,))
    })?;
    func(
        &mut arrow,
        "[method]record-batch.read",
        |cx: Cx<'_>, (_, projection): (Resource<BatchHandle>, Vec<u32>)| {
            Ok((read(cx.data(), &projection)?,))
        },
    )?;
    func(
        &mut arrow,
        "[method]batch-sink.emit",
        |mut cx: Cx<'_>, (_, rows, columns): (Resource<SinkHandle>, u64, Vec<OutColumn>)| {
            Ok((emit(&mut cx, rows, columns),))
        },
    )?;
    func(
        &mut arrow,
        "[method]batch-sink.emit-selected",
        |mut cx: Cx<'_>, (_, selection): (Resource<SinkHandle>, WasmList<u8>)| {
            let _crossing = Crossing::begin(&cx.data().shared.counters);
            let selection = selection.as_le_slice(&cx).to_vec();
            let state = cx.data_mut();
            let emitted = state.output.emit_selected(state.input.as_ref(), &selection);
            Ok((state.answer(emitted),))
        },
    )?;
    func(
        &mut arrow,
        "[method]byte-sink.write",
        |mut cx: Cx<'_>, (_, bytes): (Resource<FileHandle>, WasmList<u8>)| {
            Ok((write(&mut cx, &bytes),))
        },
    )?;
    func(&mut arrow, "[method]byte-sink.position", |cx: Cx<'_>, (_,): (Resource<FileHandle>,)| {
        Ok((cx.data().file.position(),))
    })
}

fn read(state: &State, projection: &[u32]) -> Result<ColumnsIn> {
    let crossing = Arc::new(Crossing::begin(&state.shared.counters));
    let batch = state.input()?;
    // A column may be read twice, but not often enough to hurt the host.
    if projection.len() > 2 * batch.num_columns() + 16 {
        wasmtime::bail!("{} columns read of {}", projection.len(), batch.num_columns());
    }
    let columns = projection
        .iter()
        .map(|&index| batch.columns().get(index as usize).cloned().ok_or(index))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|index| wasmtime::format_err!("column {index} read of {}", batch.num_columns()))?;
    let columns = tidelake_columns::encode(&columns)?;
    add(&state.shared.counters.bytes_in, columns.byte_size() as u64);
    Ok(ColumnsIn {
        rows: batch.num_rows() as u64,
        nodes: columns.nodes.iter().map(|n| Node { len: n.len, nulls: n.nulls }).collect(),
        variadic: columns.variadic,
        buffers: columns.buffers.into_iter().map(|b| lend(b, &crossing)).collect(),
    })
}

fn emit(cx: &mut Cx<'_>, rows: u64, columns: Vec<OutColumn>) -> Answer<()> {
    let _crossing = Crossing::begin(&cx.data().shared.counters);
    let data = || {
        columns.iter().filter_map(|column| match column {
            OutColumn::Same(_) => None,
            OutColumn::Data(data) => Some(data),
        })
    };
    let bytes = data().flat_map(|data| &data.buffers).map(WasmList::len).sum::<usize>() as u64;
    // Nulls and items of lists need no bytes of the guest's, but the host's time.
    let nodes = data().flat_map(|data| &data.nodes);
    let values = nodes.fold(0, |sum: u64, node| sum.saturating_add(node.len));
    let state = cx.data_mut();
    let admitted = state.output.admit(rows, bytes, values).map(|()| 0);
    state.answer(admitted)?;
    add(&state.shared.counters.bytes_out, bytes);
    // The one copy: out of the guest's memory, into the host's.
    let emitted = columns
        .into_iter()
        .map(|column| match column {
            OutColumn::Same(index) => Emitted::Same(index),
            OutColumn::Data(data) => Emitted::Data(copy(cx, data)),
        })
        .collect();
    let state = cx.data_mut();
    let emitted = state.output.emit(state.input.as_ref(), rows, emitted);
    state.answer(emitted)
}

fn copy(cx: &mut Cx<'_>, data: ColumnsOut) -> Columns {
    let recycler = &cx.data().shared.recycler;
    let copied = data.buffers.iter().map(|buffer| recycler.copy(buffer.as_le_slice(&*cx)).into());
    Columns {
        rows: data.rows,
        buffers: copied.collect(),
        nodes: data.nodes.iter().map(|n| ColumnNode { len: n.len, nulls: n.nulls }).collect(),
        variadic: data.variadic,
    }
}

impl State {
    /// What the guest is told of a batch that it emitted.
    fn answer(&self, emitted: std::result::Result<u64, Refused>) -> Answer<()> {
        match emitted {
            Ok(rows) => {
                add(&self.shared.counters.rows_out, rows);
                Ok(())
            }
            Err(Refused::Exhausted(why)) => Err(GuestError::new(ErrorCode::Exhausted, why)),
            Err(Refused::Broken(why)) => Err(GuestError::new(ErrorCode::InvalidInput, why)),
        }
    }
}

fn write(cx: &mut Cx<'_>, bytes: &WasmList<u8>) -> Answer<()> {
    let _crossing = Crossing::begin(&cx.data().shared.counters);
    // The queue copies out of guest memory, which the borrow of the store covers:
    // take the queue out for the moment.
    let mut file = cx.data_mut().take_file();
    let taken = file.write(bytes.as_le_slice(&*cx));
    let state = cx.data_mut();
    state.file = file;
    if !taken {
        let cap = crate::text::bytes(state.shared.output_cap);
        let why = format!("more than {cap} of the file written in one call");
        return Err(GuestError::new(ErrorCode::Exhausted, why));
    }
    add(&state.shared.counters.bytes_out, bytes.len() as u64);
    Ok(())
}

fn codecs(mut interface: LinkerInstance<'_, State>) -> Result<()> {
    func(
        &mut interface,
        "compress",
        |cx: Cx<'_>, (algorithm, level, input): (Algorithm, i32, WasmList<u8>)| {
            let (shared, start) = (&cx.data().shared, Instant::now());
            let packed =
                codec::compress(algorithm, level, input.as_le_slice(&cx), &shared.recycler);
            add_since(&shared.counters.codec, start);
            Ok((packed,))
        },
    )?;
    func(
        &mut interface,
        "decompress",
        |cx: Cx<'_>, (algorithm, input, limit): (Algorithm, WasmList<u8>, u64)| {
            let (shared, start) = (&cx.data().shared, Instant::now());
            let limit = limit.min(shared.output_cap);
            let plain =
                codec::decompress(algorithm, input.as_le_slice(&cx), limit, &shared.recycler);
            add_since(&shared.counters.codec, start);
            Ok((plain,))
        },
    )
}

/// `log.level`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code)] // Made by lifting, which the compiler does not see.
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::TRACE,
            Level::Debug => Self::DEBUG,
            Level::Info => Self::INFO,
            Level::Warn => Self::WARN,
            Level::Error => Self::ERROR,
        }
    }
}

fn log(mut interface: LinkerInstance<'_, State>) -> Result<()> {
    func(&mut interface, "write", |mut cx: Cx<'_>, (level, message): (Level, WasmStr)| {
        if cx.data_mut().journal.admit() {
            let message = message.to_str(&cx)?.into_owned();
            cx.data().log(level.into(), &message);
        }
        Ok(())
    })?;
    func(&mut interface, "enabled", |_: Cx<'_>, (level,): (Level,)| {
        Ok((crate::run::journal::enabled(level.into()),))
    })
}

fn metrics(mut interface: LinkerInstance<'_, State>) -> Result<()> {
    func(&mut interface, "counter", |cx: Cx<'_>, (name, delta): (WasmStr, u64)| {
        let name = name.to_str(&cx)?;
        cx.data().shared.counters.report(&name, Metric::Counter(delta));
        Ok(())
    })?;
    func(&mut interface, "gauge", |cx: Cx<'_>, (name, value): (WasmStr, f64)| {
        let name = name.to_str(&cx)?;
        cx.data().shared.counters.report(&name, Metric::Gauge(value));
        Ok(())
    })?;
    func(&mut interface, "histogram", |cx: Cx<'_>, (name, value): (WasmStr, f64)| {
        let name = name.to_str(&cx)?;
        let one = Metric::Histogram { count: 1, sum: value, min: value, max: value };
        cx.data().shared.counters.report(&name, one);
        Ok(())
    })
}

fn config(mut interface: LinkerInstance<'_, State>) -> Result<()> {
    func(&mut interface, "get", |cx: Cx<'_>, (key,): (WasmStr,)| {
        let key = key.to_str(&cx)?;
        Ok((config_value(&cx.data().context, &key),))
    })
}

/// The value of a key of `config`.
pub(crate) fn config_value(context: &PluginContext, key: &str) -> Option<String> {
    match key {
        "table" => Some(context.table.clone()),
        "unit" => Some(context.unit.clone()),
        "host-version" => Some(env!("CARGO_PKG_VERSION").to_owned()),
        _ => None,
    }
}
