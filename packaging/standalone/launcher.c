/* The standalone executable: an interpreter, the kernels and all modules in one file that needs nothing but the C library.
 *
 * Nothing is unpacked and no directory is searched: modules come out of the file itself (start.py), which is why it starts as
 * quickly as an installed program. The interpreter looks at none of the variables and places of a Python that may be installed,
 * but at the locale as ever. */

#include <Python.h>
#include <langinfo.h>
#include <locale.h>
#include <marshal.h>
#include <string.h>
#include <sys/random.h>

extern const unsigned char bundle[], bundle_end[];

/* Made by build.py: what the interpreter wants before start.py can provide anything. */
extern const struct _frozen first_modules[];

PyMODINIT_FUNC PyInit__native(void);

/* Debian's libraries use these two of its own C library, which is newer than that of other systems in use. */
#ifdef __x86_64__
__asm__(".symver older_hypot, hypot@GLIBC_2.2.5");
#else
__asm__(".symver older_hypot, hypot@GLIBC_2.17");
#endif
extern double older_hypot(double x, double y);

double hypot(double x, double y) {
    return older_hypot(x, y);
}

void arc4random_buf(void *buffer, size_t size) { /* expat asks for some bytes, once */
    for (size_t done = 0; done < size;) {
        ssize_t more = getrandom((char *)buffer + done, size - done, 0);
        done += more > 0 ? (size_t)more : 0;
    }
}

static void end_if_failed(PyStatus status) {
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }
}

/* Encodings of one byte, and UTF-8, are there from the beginning; those of Chinese, Japanese and Korean come with start.py,
 * which is too late for the locale's own. Names stay the bytes that they are; only how they are shown is
 * another matter then. */
static int locale_comes_too_early(void) {
    static const char *const simple[] = {"UTF-8", "ANSI_X3.4", "ISO-8859", "KOI8", "CP125", "TIS-620", "ARMSCII", "GEORGIAN"};
    setlocale(LC_CTYPE, "");
    const char *name = nl_langinfo(CODESET);
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++) {
        if (strncmp(name, simple[i], strlen(simple[i])) == 0) {
            return 0;
        }
    }
    return 1;
}

static void initialize(int argc, char **argv) {
    PyPreConfig first;
    PyPreConfig_InitPythonConfig(&first);
    first.isolated = 1;
    first.use_environment = 0;
    first.parse_argv = 0;
    if (locale_comes_too_early()) {
        first.utf8_mode = 1;
    }
    end_if_failed(Py_PreInitialize(&first));

    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.isolated = 1;
    config.use_environment = 0;
    config.parse_argv = 0;
    config.site_import = 0;
    config.user_site_directory = 0;
    config.write_bytecode = 0;
    config.pathconfig_warnings = 0;
    config.module_search_paths_set = 1; /* to none */
    end_if_failed(PyConfig_SetBytesArgv(&config, argc, argv));
    end_if_failed(PyConfig_SetBytesString(&config, &config.program_name, argv[0]));
    end_if_failed(PyConfig_SetString(&config, &config.home, L"/nonexistent"));
    end_if_failed(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
}

/* Runs start.py, which the bundle begins with. Like a script, it ends with SystemExit. */
static int run(void) {
    PyObject *start = PyMarshal_ReadObjectFromString((const char *)bundle, bundle_end - bundle);
    PyObject *content = PyMemoryView_FromMemory((char *)bundle, bundle_end - bundle, PyBUF_READ);
    PyObject *main_module = PyImport_AddModule("__main__"); /* borrowed */
    if (start == NULL || content == NULL || main_module == NULL) {
        return -1;
    }
    PyObject *names = PyModule_GetDict(main_module); /* borrowed */
    if (PyDict_SetItemString(names, "bundle", content) < 0) {
        return -1;
    }
    PyObject *result = PyEval_EvalCode(start, names, names);
    Py_DECREF(content);
    Py_DECREF(start);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int main(int argc, char **argv) {
    PyImport_FrozenModules = first_modules;
    if (argc < 1 || PyImport_AppendInittab("vinculum._native", PyInit__native) < 0) {
        return 2;
    }
    initialize(argc, argv);
    if (run() < 0) {
        PyErr_Print(); /* for SystemExit: ends the process with its code */
    }
    return Py_FinalizeEx() < 0 ? 120 : 0;
}
