/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SCRAPERNAME_H
#define IAGMETER_SCRAPERNAME_H

/* What an inference server that is asked for its metrics is called in states and in the ledger.
 * Apart from the scraper, so that who only reads the configuration loads no libcurl. */

#define SCRAPERNAME_SIZE 64

/* Its URL, without the query, which may hold a key, and cut to fit. */
void scrapername_of(const char *url, char name[SCRAPERNAME_SIZE]);

#endif
