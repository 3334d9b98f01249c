/* Example of a library of site routines: see site_routine(3). Build it with
 *
 *     cc -shared -fPIC -I include -o example.so example.c
 *
 * and put it into the folder site-programs of the instance. In imta.cnf:
 *
 *     .example.com   $U%$[example.so,reverse,$H]$D@tcp-daemon
 */
#include <string.h>

#include "waxwing/site_routine.h"

/* By this the library says that it was made for rules: without it nothing in it is called. */
int waxwing_site_abi = WAXWING_SITE_ABI;

/* The argument read from its end; nothing to find in an empty one. */
int reverse(const char *argument, const long *argument_length, char *result, long *result_length) {
  long i;
  if (*argument_length == 0) return WAXWING_SITE_FAIL;
  if (*argument_length > *result_length) return WAXWING_SITE_TRY_LATER;
  for (i = 0; i < *argument_length; ++i) result[i] = argument[*argument_length - 1 - i];
  *result_length = *argument_length;
  return WAXWING_SITE_OK;
}

/* For a mapping table: refuses who is on a short list. */
int refuse(const char *argument, const long *argument_length, char *result, long *result_length) {
  static const char answer[] = "$N$<refused$ by$ the$ site|not$ wanted$ here";
  if (*argument_length != 9 || memcmp(argument, "spam.test", 9) != 0) return WAXWING_SITE_FAIL;
  memcpy(result, answer, sizeof answer - 1);
  *result_length = sizeof answer - 1;
  return WAXWING_SITE_OK;
}
