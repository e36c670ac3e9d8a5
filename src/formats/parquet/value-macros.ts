/* Functions that statements use which read a file. */

/** Quoted texts, which stay as they are, and whatever else comes before what is looked for; or the end, where nothing comes. */
const outsideQuotes = (found: string): string => String.raw`((?:"(?:[^"\\]|\\.)*"|[^"])*?)(?:${found}|\z)`

/**
 * INT96 comes as an interval: its months are the low half of the nanoseconds of the day, its days the high half, its
 * milliseconds the Julian day. PostgreSQL rounds nanoseconds as well. Where Spark's microseconds overflow, from the year
 * 287,588 on, its day is what 64 bits make of it.
 */
export const VALUE_MACROS = `
CREATE MACRO rounded_micros(nanos) AS (nanos + 500) // 1000 - CASE WHEN (nanos + 500) % 1000 < 0 THEN 1 ELSE 0 END;
CREATE MACRO unsigned_32(n) AS CASE WHEN n < 0 THEN n + 4294967296 ELSE n END;
CREATE MACRO int96_nanos(i) AS
  unsigned_32(datepart('year', i) * 12 + datepart('month', i)) + datepart('day', i) * 4294967296;
CREATE MACRO int96_day(i) AS
  datepart('hour', i) * 3600000 + datepart('minute', i) * 60000 + datepart('millisecond', i);
CREATE MACRO signed_32(n) AS CASE WHEN n > 2147483647 THEN n - 4294967296 ELSE n END;
CREATE MACRO wrapped_64(n) AS CASE WHEN n < -9223372036854775808 THEN n + 18446744073709551616 ELSE n END;
CREATE MACRO int96_time(i) AS make_timestamp(wrapped_64(
  (signed_32(int96_day(i)) - 2440588)::HUGEINT * 86400000000 + rounded_micros(int96_nanos(i)))::BIGINT);
CREATE MACRO instant_text(t) AS to_bc(CASE WHEN isfinite(t) THEN t::VARCHAR || '+00' ELSE t::VARCHAR END);
CREATE MACRO iso(t) AS
  CASE WHEN ends_with(t, ' BC') THEN replace(left(t, -3), ' ', 'T') || ' BC' ELSE replace(replace(t, ' ', 'T'), '+00', '+00:00') END;
CREATE MACRO zero_before_point(t) AS
  CASE WHEN starts_with(t, '.') THEN '0' || t WHEN starts_with(t, '-.') THEN '-0' || substr(t, 2) ELSE t END;
CREATE MACRO whole_text(f) AS CASE WHEN f != trunc(f) THEN f::VARCHAR
  WHEN abs(f) < 9223372036854775808 THEN f::BIGINT::VARCHAR ELSE format('{:.0f}', f::DOUBLE) END;
CREATE MACRO json_float(f) AS CASE WHEN isfinite(f) THEN f::VARCHAR
  WHEN isnan(f) THEN '"NaN"' WHEN f > 0 THEN '"Infinity"' WHEN f < 0 THEN '"-Infinity"' END;
CREATE MACRO quoted_numbers(t) AS CASE WHEN contains(t, 'NaN') OR contains(t, 'Infinity')
  THEN left(regexp_replace(t, '${outsideQuotes('(-?(?:NaN|Infinity))')}', '\\1"\\2"', 'g'), -2) ELSE t END;
CREATE MACRO variant_json(t) AS CASE WHEN regexp_matches(t, '(?:^|[:,\\[])-?\\.')
  THEN left(regexp_replace(quoted_numbers(t), '${outsideQuotes('((?:^|[:,\\[])-?)\\.')}', '\\1\\20.', 'g'), -2) ELSE quoted_numbers(t) END;
`
