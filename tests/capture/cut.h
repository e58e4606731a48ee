/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_CUT_H
#define IAGMETER_TESTS_CUT_H

/* struct exchange_cut as services.conf ships it. */
#define SHIPPED_CUT                                                                                \
    {                                                                                              \
        .request_pause_s = 0.05, .body_pause_s = 1, .allowed_pause_s = 0.1, .answer_wait_s = 600,  \
        .step_pause_s = 0.01, .step_bytes_max = 4096, .opening_bytes_max = 1000                    \
    }

/* The same, as it stands there. */
#define SHIPPED_EXCHANGES                                                                          \
    "exchanges = { request_pause_s = 0.05; body_pause_s = 1.0; allowed_pause_s = 0.1; "            \
    "answer_wait_s = 600.0; "                                                                      \
    "step_pause_s = 0.01; step_bytes_max = 4096.0; opening_bytes_max = 1000.0; }; "

#endif
