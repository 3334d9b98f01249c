/* Site routines: functions of your own that rewrite rules and mapping tables call.
 *
 *     $[library.so,routine,argument]
 *
 * opens library.so in the folder site-programs of the instance (or at an absolute path that stands in the
 * configuration), calls routine with
 * the argument, in which substitutions have been made, and takes what it answers. See site_routine(3).
 *
 * This header is C and stands alone. The calling sequence is that of
 * int routine(char *argument, long *argument_length, char *result, long *result_length); a library of such
 * routines needs waxwing_site_abi, below, and no other change.
 */
#ifndef WAXWING_SITE_ROUTINE_H
#define WAXWING_SITE_ROUTINE_H

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when the calling sequence changes. A library must define and export an int with the value it was
 * built for:
 *
 *     int waxwing_site_abi = WAXWING_SITE_ABI;
 *
 * (in C++ within extern "C" {}, without const). One that has none, or another value, is not called: so no rule
 * reaches what was never meant to be called from one. */
#define WAXWING_SITE_ABI 1

/* Room for the result, in bytes. */
#define WAXWING_SITE_RESULT_BYTES 4096

/* What a routine answers. */
enum {
  WAXWING_SITE_FAIL = 0,       /* nothing found: the rule or the row does not apply, the next one is tried */
  WAXWING_SITE_OK = 1,         /* the result takes the place of $[...] */
  WAXWING_SITE_TRY_LATER = -1, /* cannot be answered now: the sender is told to try again later */
};

/* argument: argument_length bytes, also ended by a NUL; any byte may be in it, since strangers choose addresses.
 * result: on entry *result_length is the room there; on return, the number of bytes written.
 *
 * The result is a template again: a $ that is meant is written twice, and in a rewrite rule % and @ separate.
 * It may hold text, flags or controls and, in a mapping, $0 to $9, and nothing that calls or looks up; else the
 * sender is told to try again later.
 *
 * Called from several threads at once, never on an event loop, so it may block; but a thread of the pool and a
 * sender wait for it: keep it under a second. It runs in the daemon: a crash is the daemon's, what it writes
 * beyond result breaks the daemon. The library stays open until the daemon ends. */
typedef int waxwing_site_routine(const char *argument, const long *argument_length, char *result,
                                 long *result_length);

#ifdef __cplusplus
}
#endif

#endif
