//! What users do to workflows: stop, terminate, suspend, resume, retry, resubmit. Pure: an object in, a changed object out.
