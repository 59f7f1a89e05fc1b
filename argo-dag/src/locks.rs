//! Who holds which mutex and semaphore: pure, one instance for all workflows of a controller.
