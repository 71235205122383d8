//! What guests export, as typed functions of one instance.

use bytes::Bytes;
use wasmtime::component::{
    ComponentNamedList, Instance, Lift, Lower, Resource, ResourceAny, TypedFunc,
};
use wasmtime::{Result, Store};

use super::objects::{
    ByteRange, Condition, Fetched, ListRequest, Meta, Mode, ObjectVersion, Page, Range,
};
use super::types::{
    BatchHandle, Create, FileHandle, GuestError, PollResult, SinkHandle, SortColumn, Spec,
};
use crate::run::state::State;

/// A call that answers nothing or an error.
pub(crate) type Done = (std::result::Result<(), GuestError>,);

/// Looks functions of one exported interface up.
struct Lookup<'a> {
    instance: &'a Instance,
    store: &'a mut Store<State>,
    interface: wasmtime::component::ComponentExportIndex,
    name: &'static str,
}

impl<'a> Lookup<'a> {
    fn new(
        instance: &'a Instance,
        store: &'a mut Store<State>,
        name: &'static str,
    ) -> Result<Self> {
        let interface = instance
            .get_export_index(&mut *store, None, name)
            .ok_or_else(|| wasmtime::format_err!("interface `{name}` is not exported"))?;
        Ok(Self { instance, store, interface, name })
    }

    fn func<P, R>(&mut self, name: &str) -> Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let missing = || wasmtime::format_err!("`{name}` of `{}` is not exported", self.name);
        let index = self
            .instance
            .get_export_index(&mut *self.store, Some(&self.interface), name)
            .ok_or_else(missing)?;
        self.instance
            .get_typed_func(&mut *self.store, index)
            .map_err(|error| error.context(format!("`{name}` of `{}`", self.name)))
    }
}

/// `meta`
#[derive(Clone, Copy)]
pub(crate) struct Describe {
    pub(crate) describe: TypedFunc<(), (String,)>,
}

impl Describe {
    pub(crate) fn of(instance: &Instance, store: &mut Store<State>) -> Result<Self> {
        let mut meta = Lookup::new(instance, store, "tidelake:plugin/meta@0.1.0")?;
        Ok(Self { describe: meta.func("describe")? })
    }
}

type Schema = (Vec<u8>,);
type Snapshot = (std::result::Result<Vec<u8>, GuestError>,);
type CreateStage = (Vec<u8>, String, Option<Vec<u8>>);
type CreateWriter = (Vec<u8>, Vec<SortColumn>, String, Resource<FileHandle>);

/// `transform.stage`
#[derive(Clone, Copy)]
pub(crate) struct Stage {
    pub(crate) create: TypedFunc<CreateStage, Create>,
    pub(crate) output_schema: TypedFunc<(ResourceAny,), Schema>,
    pub(crate) process: TypedFunc<(ResourceAny, Resource<BatchHandle>, Resource<SinkHandle>), Done>,
    pub(crate) finish: TypedFunc<(ResourceAny, Resource<SinkHandle>), Done>,
    pub(crate) snapshot: TypedFunc<(ResourceAny,), Snapshot>,
}

impl Stage {
    pub(crate) fn of(instance: &Instance, store: &mut Store<State>) -> Result<Self> {
        let mut interface = Lookup::new(instance, store, "tidelake:plugin/transform@0.1.0")?;
        Ok(Self {
            create: interface.func("[static]stage.create")?,
            output_schema: interface.func("[method]stage.output-schema")?,
            process: interface.func("[method]stage.process")?,
            finish: interface.func("[method]stage.finish")?,
            snapshot: interface.func("[method]stage.snapshot")?,
        })
    }
}

/// `format-writer.writer`
#[derive(Clone, Copy)]
pub(crate) struct Writer {
    pub(crate) create: TypedFunc<CreateWriter, Create>,
    pub(crate) write: TypedFunc<(ResourceAny, Resource<BatchHandle>), Done>,
    pub(crate) buffered: TypedFunc<(ResourceAny,), (u64,)>,
    pub(crate) finish: TypedFunc<(ResourceAny,), Done>,
}

impl Writer {
    pub(crate) fn of(instance: &Instance, store: &mut Store<State>) -> Result<Self> {
        let mut interface = Lookup::new(instance, store, "tidelake:plugin/format-writer@0.1.0")?;
        Ok(Self {
            create: interface.func("[static]writer.create")?,
            write: interface.func("[method]writer.write")?,
            buffered: interface.func("[method]writer.buffered")?,
            finish: interface.func("[method]writer.finish")?,
        })
    }
}

/// `downsampler.aggregator`
#[derive(Clone, Copy)]
pub(crate) struct Aggregator {
    pub(crate) create: TypedFunc<(Vec<u8>, Spec, String), Create>,
    pub(crate) output_schema: TypedFunc<(ResourceAny,), Schema>,
    pub(crate) update: TypedFunc<(ResourceAny, Resource<BatchHandle>), Done>,
    pub(crate) merge: TypedFunc<(ResourceAny, Resource<BatchHandle>), Done>,
    pub(crate) drain: TypedFunc<(ResourceAny, Resource<SinkHandle>), Done>,
}

impl Aggregator {
    pub(crate) fn of(instance: &Instance, store: &mut Store<State>) -> Result<Self> {
        let mut interface = Lookup::new(instance, store, "tidelake:plugin/downsampler@0.1.0")?;
        Ok(Self {
            create: interface.func("[static]aggregator.create")?,
            output_schema: interface.func("[method]aggregator.output-schema")?,
            update: interface.func("[method]aggregator.update")?,
            merge: interface.func("[method]aggregator.merge")?,
            drain: interface.func("[method]aggregator.drain")?,
        })
    }
}

/// A call that answers something or an error.
pub(crate) type Answer<T> = (std::result::Result<T, GuestError>,);
/// For each of several things its error or none.
type Each = Vec<Option<GuestError>>;
type Complete = (ResourceAny, String, String, Vec<String>, Mode);

/// `storage-backend.store`
#[derive(Clone, Copy)]
pub(crate) struct Objects {
    pub(crate) open: TypedFunc<(String, String), Create>,
    pub(crate) list: TypedFunc<(ResourceAny, ListRequest), Answer<Page>>,
    pub(crate) head: TypedFunc<(ResourceAny, String, Condition), Answer<Meta>>,
    pub(crate) get: TypedFunc<(ResourceAny, String, Range, Condition), Answer<Fetched>>,
    pub(crate) get_ranges: TypedFunc<(ResourceAny, String, Vec<ByteRange>), Answer<Vec<Bytes>>>,
    pub(crate) put: TypedFunc<(ResourceAny, String, Bytes, Mode), Answer<ObjectVersion>>,
    pub(crate) begin_upload: TypedFunc<(ResourceAny, String), Answer<String>>,
    pub(crate) upload_part: TypedFunc<(ResourceAny, String, String, u32, Bytes), Answer<String>>,
    pub(crate) complete_upload: TypedFunc<Complete, Answer<ObjectVersion>>,
    pub(crate) abort_upload: TypedFunc<(ResourceAny, String, String), Done>,
    pub(crate) delete: TypedFunc<(ResourceAny, Vec<String>), Answer<Each>>,
    pub(crate) copy: TypedFunc<(ResourceAny, String, String, Mode), Done>,
}

impl Objects {
    pub(crate) fn of(instance: &Instance, store: &mut Store<State>) -> Result<Self> {
        let mut interface = Lookup::new(instance, store, "tidelake:plugin/storage-backend@0.1.0")?;
        Ok(Self {
            open: interface.func("[static]store.open")?,
            list: interface.func("[method]store.list")?,
            head: interface.func("[method]store.head")?,
            get: interface.func("[method]store.get")?,
            get_ranges: interface.func("[method]store.get-ranges")?,
            put: interface.func("[method]store.put")?,
            begin_upload: interface.func("[method]store.begin-upload")?,
            upload_part: interface.func("[method]store.upload-part")?,
            complete_upload: interface.func("[method]store.complete-upload")?,
            abort_upload: interface.func("[method]store.abort-upload")?,
            delete: interface.func("[method]store.delete")?,
            copy: interface.func("[method]store.copy")?,
        })
    }
}

type Poll = (ResourceAny, u32, Resource<SinkHandle>);

/// `source.reader`
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) open: TypedFunc<(String, Option<Bytes>), Create>,
    pub(crate) schema: TypedFunc<(ResourceAny,), Schema>,
    pub(crate) poll: TypedFunc<Poll, Answer<(PollResult, Bytes)>>,
    pub(crate) commit: TypedFunc<(ResourceAny, Bytes), Done>,
}

impl Reader {
    pub(crate) fn of(instance: &Instance, store: &mut Store<State>) -> Result<Self> {
        let mut interface = Lookup::new(instance, store, "tidelake:plugin/source@0.1.0")?;
        Ok(Self {
            open: interface.func("[static]reader.open")?,
            schema: interface.func("[method]reader.schema")?,
            poll: interface.func("[method]reader.poll")?,
            commit: interface.func("[method]reader.commit")?,
        })
    }
}
