/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_FILMFILE_H
#define IAGMETER_TESTS_FILMFILE_H

#include "tests/capture/film.h"

#include <pcap/pcap.h>

/* A film as a file that whole programs read. Include after cmocka.h. */

/* The shots from number FROM to before TO, of which there must be some. */
static inline void film_write(const struct film *film, const char *path, size_t from, size_t to)
{
    pcap_t *pcap = pcap_open_dead_with_tstamp_precision(film->shots[0].link_type, 262144,
                                                        PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t *dumper = pcap_dump_open(pcap, path);

    assert_non_null(dumper);
    for (const struct shot *shot = film->shots + from; shot < film->shots + to; shot++) {
        struct pcap_pkthdr header = {
            {(time_t)(shot->time_ns / SECOND), (suseconds_t)(shot->time_ns % SECOND)},
            shot->captured,
            shot->length};

        pcap_dump((u_char *)dumper, &header, shot->bytes);
    }
    pcap_dump_close(dumper);
    pcap_close(pcap);
}

#endif
