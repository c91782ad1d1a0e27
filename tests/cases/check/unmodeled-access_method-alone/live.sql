-- One access method is listed in coverage.
CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler;
