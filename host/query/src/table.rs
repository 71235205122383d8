//! One pinned table as DataFusion sees it: the lake's rows, then the hot ones
//! that the lake does not hold.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;

use crate::lake::LakeRequest;
use crate::pin::PinnedTable;
use crate::{hot, lake};

/// A pinned table.
#[derive(Debug)]
pub(crate) struct TieredTable {
    /// Its number in the session.
    pub(crate) index: usize,
    /// Its state.
    pub(crate) pinned: Arc<PinnedTable>,
}

#[async_trait]
impl TableProvider for TieredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.pinned.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters narrow what is read on both sides; DataFusion applies them again.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let table = self.pinned.as_ref();
        let all: Vec<usize>;
        let projection = match projection {
            Some(projection) => projection.as_slice(),
            None => {
                all = (0..table.schema.fields().len()).collect();
                &all
            }
        };
        let schema: SchemaRef = Arc::new(table.schema.project(projection)?);
        let mut parts = Vec::with_capacity(2);
        if let Some(lake) = &table.lake {
            let request =
                LakeRequest { index: self.index, table, lake, projection, filters, limit };
            parts.extend(lake::scan(session, &request)?);
        }
        if let Some(hot) = &table.hot {
            parts.extend(hot::scan(self.index, table, hot, Arc::clone(&schema), filters));
        }
        match parts.len() {
            0 => Ok(Arc::new(EmptyExec::new(schema))),
            1 => Ok(parts.swap_remove(0)),
            _ => UnionExec::try_new(parts),
        }
    }
}
