//! From options to what is computed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use tidelake_sdk::{Batch, Error, Result};

use crate::lags::{LAG, LOG_RETURN, Lag, Lags, RETURN};
use crate::numbers;
use crate::options::{FeatureRule, FeaturesOptions, Kind, Window};
use crate::series::{Rows, day, find, unit};
use crate::windows::{Extent, Over, Statistic, WindowFeature, Windows};

/// What is computed for each batch.
pub(crate) struct Plan {
    /// The input's columns, then the features.
    pub(crate) schema: SchemaRef,
    /// Options and types: a snapshot fits a plan with an equal text.
    pub(crate) text: String,
    pub(crate) lags: Vec<Lags>,
    pub(crate) windows: Vec<Windows>,
    features: usize,
}

impl Plan {
    pub(crate) fn new(input: &Schema, options: &FeaturesOptions) -> Result<Self> {
        if options.features.is_empty() {
            return Err(Error::option("features", "name at least one feature to add"));
        }
        let mut plan = Self {
            schema: Arc::new(Schema::empty()),
            text: text(input, options)?,
            lags: Vec::new(),
            windows: Vec::new(),
            features: options.features.len(),
        };
        let mut fields = input.fields().to_vec();
        for (i, rule) in options.features.iter().enumerate() {
            let option = format!("features[{i}]");
            if rule.name.is_empty() {
                return Err(Error::option(&format!("{option}.name"), "a column needs a name"));
            }
            if fields.iter().any(|field| field.name() == &rule.name) {
                let message = format!("there is a column `{}` already", rule.name);
                return Err(Error::option(&format!("{option}.name"), message));
            }
            fields.push(Arc::new(Field::new(&rule.name, DataType::Float64, true)));
            let check = Check { input, option: &option, rule, time: &options.time };
            plan.add(i, &check)?;
        }
        plan.schema = Arc::new(Schema::new_with_metadata(fields, input.metadata().clone()));
        Ok(plan)
    }

    fn add(&mut self, output: usize, check: &Check<'_>) -> Result<()> {
        let rule = check.rule;
        let column = check.number("column", &rule.column)?;
        let result = match rule.kind {
            Kind::Lag => Some(LAG),
            Kind::Return => Some(RETURN),
            Kind::LogReturn => Some(LOG_RETURN),
            _ => None,
        };
        check.nothing_else()?;
        if let Some(result) = result {
            let lag = Lag { output, periods: check.periods()?, result };
            match self.lags.iter_mut().find(|lags| lags.column == column) {
                Some(lags) => lags.features.push(lag),
                None => self.lags.push(Lags { column, features: vec![lag], past: Vec::new() }),
            }
            return Ok(());
        }
        let extent = check.extent()?;
        let over = Over {
            column,
            returns: rule.kind == Kind::Volatility,
            weight: check.weight()?,
            extent,
        };
        let statistic = match rule.kind {
            Kind::Mean | Kind::Vwap => Statistic::Mean,
            Kind::ZScore => Statistic::Score,
            _ => Statistic::Deviation,
        };
        let min_values = check.min_values(extent, statistic)?;
        let feature = WindowFeature { output, statistic, min_values, factor: check.factor()? };
        match self.windows.iter_mut().find(|windows| windows.over == over) {
            Some(windows) => windows.features.push(feature),
            None => {
                self.windows.push(Windows { over, features: vec![feature], states: Vec::new() });
            }
        }
        Ok(())
    }

    /// The columns that are read; some may come twice.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        let lags = self.lags.iter().map(|lags| lags.column);
        lags.chain(self.windows.iter().flat_map(|w| [Some(w.over.column), w.over.weight]).flatten())
    }

    /// Adds the rows of a batch; returns their features.
    pub(crate) fn compute(
        &mut self,
        batch: &Batch<'_>,
        rows: &Rows,
        series: usize,
    ) -> Result<Vec<ArrayRef>> {
        let wanted: BTreeSet<usize> = self.columns().collect();
        let inputs = wanted.into_iter().map(|index| Ok((index, numbers::read(batch, index)?)));
        let inputs = inputs.collect::<Result<BTreeMap<_, _>>>()?;
        let mut out = vec![vec![f64::NAN; batch.rows()]; self.features];
        for lags in &mut self.lags {
            lags.compute(&inputs[&lags.column], rows, series, &mut out);
        }
        for windows in &mut self.windows {
            let weights = windows.over.weight.map(|index| inputs[&index].as_slice());
            let values = &inputs[&windows.over.column];
            windows.compute(values, weights, rows, series, &mut out);
        }
        Ok(out.into_iter().map(numbers::write).collect())
    }
}

fn text(input: &Schema, options: &FeaturesOptions) -> Result<String> {
    let used = input.fields().iter().filter(|field| {
        let name = field.name();
        options.key.contains(name) || &options.time == name
    });
    let types: BTreeMap<_, _> =
        used.map(|field| (field.name().as_str(), field.data_type().to_string())).collect();
    serde_json::to_string(&(options, types)).map_err(|error| Error::internal(error.to_string()))
}

/// Reads one rule, and knows what to call it in errors.
struct Check<'a> {
    input: &'a Schema,
    option: &'a str,
    rule: &'a FeatureRule,
    time: &'a str,
}

impl Check<'_> {
    fn error(&self, key: &str, message: impl std::fmt::Display) -> Error {
        Error::option(&format!("{}.{key}", self.option), message)
    }

    fn number(&self, key: &str, name: &str) -> Result<usize> {
        let index = find(self.input, &format!("{}.{key}", self.option), name)?;
        let data_type = self.input.field(index).data_type();
        let values = match data_type {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        if !values.is_numeric() {
            return Err(self.error(key, format!("column `{name}` is {data_type}, not a number")));
        }
        Ok(index)
    }

    /// Options that the kind has no use for are mistakes.
    fn nothing_else(&self) -> Result<()> {
        let FeatureRule { kind, weight, periods, window, min_values, annualise, .. } = self.rule;
        let lag = matches!(kind, Kind::Lag | Kind::Return | Kind::LogReturn);
        for (key, given, used) in [
            ("weight", weight.is_some(), *kind == Kind::Vwap),
            ("periods", periods.is_some(), lag),
            ("window", window.is_some(), !lag),
            ("min_values", min_values.is_some(), !lag),
            ("annualise", annualise.is_some(), *kind == Kind::Volatility),
        ] {
            if given && !used {
                let kind = serde_json::to_value(kind).unwrap_or_default();
                return Err(self.error(key, format!("means nothing to the kind {kind}")));
            }
        }
        Ok(())
    }

    fn periods(&self) -> Result<usize> {
        match self.rule.periods {
            None => Ok(1),
            Some(0) => Err(self.error("periods", "must be at least 1")),
            Some(periods) => Ok(periods as usize),
        }
    }

    fn weight(&self) -> Result<Option<usize>> {
        match (&self.rule.weight, self.rule.kind) {
            (Some(name), _) => self.number("weight", name).map(Some),
            (None, Kind::Vwap) => {
                Err(self.error("weight", "name the column of weights, such as a volume"))
            }
            (None, _) => Ok(None),
        }
    }

    fn extent(&self) -> Result<Extent> {
        let window = self.rule.window.ok_or_else(|| {
            self.error("window", "say how far back: 20 (rows), \"15m\", \"day\" or \"all\"")
        })?;
        let time = self.input.field_with_name(self.time)?.data_type();
        let unit = unit(time).ok_or_else(|| {
            let message = format!(
                "column `{}` is {time} and says no unit of time; give the window in rows, or cast \
                 the column to a timestamp with `standardize`",
                self.time
            );
            self.error("window", message)
        });
        Ok(match window {
            Window::Rows(rows) => Extent::Rows(rows as usize),
            Window::All => Extent::All,
            Window::Day => Extent::Day(day(unit?)),
            Window::Time(nanos) => match unit? {
                unit if nanos % unit == 0 => Extent::Time(nanos / unit),
                _ => {
                    let message = format!("column `{}` of type {time} is coarser", self.time);
                    return Err(self.error("window", message));
                }
            },
        })
    }

    fn min_values(&self, extent: Extent, statistic: Statistic) -> Result<u64> {
        let least = if statistic == Statistic::Mean { 1 } else { 2 };
        match (self.rule.min_values, extent) {
            (Some(0), _) => Err(self.error("min_values", "must be at least 1")),
            (Some(values), Extent::Rows(rows)) if values as usize > rows => {
                Err(self.error("min_values", format!("a window of {rows} rows never has so many")))
            }
            (None, Extent::Rows(rows)) if (rows as u64) < least => {
                Err(self.error("window", format!("a deviation needs at least {least} rows")))
            }
            (None, Extent::Rows(rows)) => Ok(rows as u64),
            (None, _) => Ok(least),
            (Some(values), _) => Ok(u64::from(values).max(least)),
        }
    }

    fn factor(&self) -> Result<f64> {
        match self.rule.annualise {
            None => Ok(1.0),
            Some(periods) if periods > 0.0 && periods.is_finite() => Ok(periods.sqrt()),
            Some(_) => Err(self.error("annualise", "must be a number above 0")),
        }
    }
}
