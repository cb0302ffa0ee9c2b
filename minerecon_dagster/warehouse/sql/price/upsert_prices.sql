-- A price that is already stored keeps the source and the time that it was first read with.
INSERT INTO minerecon.bitcoin_price_gbp AS p (price_date, price_gbp, source, fetched_at, is_synthetic)
SELECT * FROM unnest(
    CAST(:days AS date[]), CAST(:prices AS numeric[]), CAST(:sources AS text[]), CAST(:times AS timestamptz[]),
    CAST(:synthetic AS boolean[])
)
ON CONFLICT (price_date) DO UPDATE SET
    price_gbp = excluded.price_gbp, source = excluded.source, fetched_at = excluded.fetched_at,
    is_synthetic = excluded.is_synthetic
WHERE p.price_gbp <> excluded.price_gbp
