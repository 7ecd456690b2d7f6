"""The proxied call and the way of its record to the ledger. Reading order:

endpoint    the steps of a call, one after the other
call        where it goes            headers    what passes            body       what is asked
receiving   the body off the wire    errors     refusals of ours       sandbox    simulated answers
upstream    the provider's answer    relay      passing it on          meter      reading a copy of it (sse, providers)
recording   one call, one record     inflight   calls without one      journal    records on the disk
http1       the same, lean
sealer      closes segments          adoption   those of the dead      shipper    segments to the ledger
publishing  by which way             tasks      the one transaction that posts them
refusals    calls without a record: what was wrong with them
process     what one process holds   lifespan   start and stop
"""
